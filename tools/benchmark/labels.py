"""Labels of spots from an h5ad, a CSV, QuPath polygons or proportions, joined on the barcode and never by position."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from tools.annotations import read_outlines
from tools.benchmark.config import Group, LabelSource
from tools.benchmark.paths import need, unzipped
from tools.errors import ToolError
from tools.h5ad import BROKEN

BARCODES = ("spot", "barcode", "id", "index")


@dataclass(frozen=True)
class Labels:
    """Label of each spot (n,), "" where it is left out, and how many spots are left out under which word."""

    words: NDArray[np.str_]
    left_out: dict[str, int] = field(default_factory=dict)


def read_labels(source: LabelSource, root: Path, sample: str, l0_xy: NDArray[np.float64], ids: Sequence[str]) -> Labels:
    """Words for the spots `ids` at `l0_xy` (n, 2), before any label is left out."""
    if source.geojson is not None:
        return Labels(polygon_labels(need(root, source.geojson, sample, "GeoJSON of labels"), l0_xy))
    if source.proportions is not None:
        table = read_table(need(root, source.proportions, sample, "table of proportions"), source.barcode)
        column = dominant_class(table, source.classes, sample)
    elif source.h5ad is not None:
        path = unzipped(need(root, source.h5ad, sample, "h5ad of labels"), root)
        column = _obs_column(path, [source.obs] if isinstance(source.obs, str) else source.obs)
    else:
        path = need(root, source.csv, sample, "CSV of labels")
        table = read_table(path, source.barcode)
        if source.column not in table.columns:
            raise ToolError(
                f"{path.name} has no column '{source.column}'; it has {', '.join(map(str, table.columns))}."
            )
        column = table[source.column]
    return Labels(join(column, ids, sample, refuse=source.missing == "refuse"))


def join(column: pd.Series, ids: Sequence[str], sample: str, *, refuse: bool = True) -> NDArray[np.str_]:
    """Words for the spots `ids` from a column indexed by barcode; "" for a spot without.

    Raises ToolError for duplicate barcodes on either side, and for labelled barcodes that are no spot: labels that are
    misaligned must not be scored.
    """
    column.index = column.index.astype(str)
    for names, where in ((column.index, "its labels"), (pd.Index(ids), "its spots")):
        if names.has_duplicates:
            twice = names[names.duplicated()][0]
            raise ToolError(f"{sample}: the barcode '{twice}' occurs more than once in {where}.")
    column = column[column.notna()].astype(str).str.strip()
    known = set(ids)
    lost = [name for name in column.index if name not in known]
    if len(lost) == len(column):
        example = f"'{column.index[0]}' among the labels, '{ids[0]}' among the spots" if len(column) else "no labels"
        raise ToolError(f"{sample}: no barcode of the labels is among the spots ({example}).")
    if lost and refuse:
        raise ToolError(
            f"{sample}: {len(lost)} of {len(column)} labelled barcodes are not among the spots, '{lost[0]}' for one. "
            "If that is as it should be, set `missing: count` for these labels."
        )
    return np.array([str(word) for word in column.reindex(list(ids)).fillna("")], dtype=str)


def for_group(words: NDArray[np.str_], group: Group, sample: str) -> Labels:
    """Only labels that have a query; those that the group excludes are left out and counted.

    Raises ToolError for a label that has neither.
    """
    left_out = {name or "no label": n for name, n in Counter(words.tolist()).items() if _excluded(name, group)}
    unknown = Counter(name for name in words.tolist() if name not in group.queries and not _excluded(name, group))
    if unknown:
        name, n = unknown.most_common(1)[0]
        raise ToolError(
            f"{sample}: the label '{name}' ({n} spots) has no query in '{group.title}'. Give it one, or exclude it. "
            f"Queries: {', '.join(group.queries)}."
        )
    kept = np.array([name in group.queries for name in words.tolist()], dtype=bool)
    return Labels(np.where(kept, words, ""), left_out)


def _excluded(name: str, group: Group) -> bool:
    return name == "" or name in group.exclude


def read_table(path: Path, barcode: str | None) -> pd.DataFrame:
    """A CSV or TSV, also gzipped, indexed by its barcodes."""
    try:
        table = pd.read_csv(path, sep=None, engine="python", dtype={0: str})
    except (ValueError, UnicodeDecodeError, OSError) as error:
        raise ToolError(f"{path.name} is not a table that can be read ({error}).") from error
    if barcode is not None and barcode not in table.columns:
        raise ToolError(f"{path.name} has no column '{barcode}'; it has {', '.join(map(str, table.columns))}.")
    name = barcode or next((column for column in BARCODES if column in table.columns), table.columns[0])
    return table.set_index(name)


def _obs_column(path: Path, names: Sequence[str]) -> pd.Series:
    try:
        obs = anndata.read_h5ad(path, backed="r").obs
    except BROKEN as error:
        raise ToolError(f"{path.name} is not an h5ad that can be read ({error}).") from error
    name = next((column for column in names if column in obs.columns), None)
    if name is None:
        raise ToolError(
            f"{path.name} has no obs column {' or '.join(names)}; it has {', '.join(map(str, obs.columns))}."
        )
    return obs[name].astype(object)


def polygon_labels(path: Path, l0_xy: NDArray[np.float64]) -> NDArray[np.str_]:
    """Name of the polygon around each centre (level-0 pixels), as QuPath exports annotations; the later one wins."""
    words = np.full(len(l0_xy), "", dtype=object)
    points = shapely.points(l0_xy)
    for outline in read_outlines(path.read_text()):
        words[shapely.contains(outline.polygon, points)] = outline.name
    return words.astype(str)


def dominant_class(table: pd.DataFrame, classes: dict[str, list[str]], name: str) -> pd.Series:
    """Class with the largest summed proportion per row; missing where a row has no proportions.

    Raises ToolError where a column that a class names is not there.
    """
    wanted = [column for columns in classes.values() for column in columns]
    absent = [column for column in wanted if column not in table.columns]
    if absent or not classes:
        has = ", ".join(map(str, table.columns))
        raise ToolError(f"{name}: the proportions have no column {', '.join(absent) or 'of a class'}; they have {has}.")
    summed = pd.DataFrame({label: table[columns].sum(axis=1, min_count=1) for label, columns in classes.items()})
    known = summed.notna().all(axis=1)
    return summed[known].idxmax(axis=1).reindex(table.index)
