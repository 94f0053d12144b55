"""Spots with their maps and regions as a table, as CSV and as h5ad."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tools.export.layers import MapLayer, label_of, unique_columns
from tools.files import atomic, need_room
from tools.prepared import PreparedSlide
from tools.regions import Region

Row = dict[str, Any]


def spot_table(slide: PreparedSlide, regions: Iterable[Region] = (), layers: Iterable[MapLayer] = ()) -> list[Row]:
    """One row a spot: id, centre in level-0 px and in um, the regions that hold it, and a column per layer."""
    spots = slide.spots
    member: list[list[str]] = [[] for _ in spots.ids]
    for region in regions:
        for row in region.spots:
            member[row].append(f"{region.id} ({region.query})")
    columns = {name: _column(layer) for name, layer in unique_columns(layers).items()}
    rows = []
    for i, (spot, (x, y)) in enumerate(zip(spots.ids, spots.l0_xy, strict=True)):
        place = {"spot": spot, "x": round(float(x), 1), "y": round(float(y), 1)}
        um = {"x_um": round(float(x) * spots.mpp, 1), "y_um": round(float(y) * spots.mpp, 1)}
        rows.append(place | um | {"regions": "; ".join(member[i])} | {name: v[i] for name, v in columns.items()})
    return rows


def table_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the same keys as CSV; a text that a spreadsheet would run as a formula is quoted as text."""
    stream = io.StringIO()
    if rows:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows([{key: _safe(value) for key, value in row.items()} for row in rows])
    return stream.getvalue()


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows as a CSV file."""
    with atomic(path) as part:
        part.write_text(table_csv(rows), encoding="utf-8")
    return path


def write_h5ad(
    path: Path, slide: PreparedSlide, regions: Iterable[Region] = (), layers: Iterable[MapLayer] = ()
) -> Path:
    """The slide's AnnData with a column of `obs` per layer, one for the regions, and the outlines in `uns["regions"]`.

    Opens in scanpy and squidpy; `uns["provenance"]` still says whether expression is predicted.
    """
    found, data = list(regions), slide.adata.copy()
    for name, layer in unique_columns(layers).items():
        data.obs[name] = np.asarray(label_of(layer), dtype=object) if layer.kind == "category" else layer.values
    if found:
        data.obs["regions"] = [row["regions"] for row in spot_table(slide, found)]
        data.uns["regions"] = json.dumps([_outline(region) for region in found])
    arrays = [data.X, *data.obsm.values(), *data.layers.values()]
    need_room(path, sum(int(getattr(array, "nbytes", 0)) for array in arrays) + 4_000_000)
    with atomic(path) as part:
        data.write_h5ad(part, compression="gzip")
    return path


def _outline(region: Region) -> Row:
    rings = [ring.round(1).tolist() for ring in region.polygons]
    return {"id": region.id, "query": region.query, "area_um2": region.area_um2, "rings": rings}


def _column(layer: MapLayer) -> list[Any]:
    if layer.kind == "category":
        return label_of(layer)
    return [round(float(value), 4) if np.isfinite(value) else "" for value in layer.values]


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value
