"""Regions and spots as GeoJSON that QuPath opens (drag the file onto the image, or File > Import objects).

QuPath takes coordinates in level-0 pixels, a `classification` with a colour, and `measurements` by name
(https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html).
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import shapely

from tools.export.colours import category_rgb
from tools.export.layers import MapLayer, label_of, unique_columns
from tools.files import atomic
from tools.regions import Region, outline
from tools.spots import Spots

Feature = dict[str, Any]


def feature_collection(
    slide: str, spots: Spots, regions: Iterable[Region], layers: Iterable[MapLayer] = ()
) -> dict[str, Any]:
    """A FeatureCollection: regions as annotations, and with `layers` spots as detections with their values.

    Polygons are rings in level-0 px, closed, holes kept; ids are stable, so that a second import replaces the first.
    """
    found = list(regions)
    names = list(dict.fromkeys(region.query for region in found))
    features = [_annotation(slide, spots, region, names.index(region.query)) for region in found]
    columns = unique_columns(layers)
    if columns:
        features += _detections(slide, spots, columns)
    return {"type": "FeatureCollection", "features": features}


def write_geojson(
    path: Path, slide: str, spots: Spots, regions: Iterable[Region], layers: Iterable[MapLayer] = ()
) -> Path:
    """Write `feature_collection` to a file."""
    with atomic(path) as part:
        part.write_text(json.dumps(feature_collection(slide, spots, regions, layers), allow_nan=False))
    return path


def _annotation(slide: str, spots: Spots, region: Region, colour: int) -> Feature:
    measurements = {"Area um2": round(region.area_um2, 1), "Spots": len(region.spots)}
    named = {"name": region.query, "color": list(category_rgb(colour))}
    return _feature(slide, region.id, outline(region.spots, spots), "annotation", named, measurements)


def _detections(slide: str, spots: Spots, columns: dict[str, MapLayer]) -> list[Feature]:
    """Every spot as a disc of 12 corners, so that the file stays small."""
    discs = shapely.buffer(shapely.points(spots.l0_xy), spots.spot_um / 2 / spots.mpp, quad_segs=3)
    numbers = {name: layer.values for name, layer in columns.items() if layer.kind != "category"}
    category = next((layer for layer in reversed(columns.values()) if layer.kind == "category"), None)
    labels: Sequence[str] = label_of(category) if category else [""] * len(spots)
    features = []
    for row, (spot, disc) in enumerate(zip(spots.ids, discs, strict=True)):
        measured = {name: round(float(v[row]), 4) for name, v in numbers.items() if np.isfinite(v[row])}
        label = labels[row]
        named = None
        if category is not None and label:
            named = {"name": label, "color": list(category_rgb(category.labels.index(label)))}
        features.append(_feature(slide, spot, disc, "detection", named, measured))
    return features


def _feature(
    slide: str, name: str, shape: Any, kind: str, classification: dict[str, Any] | None, measurements: dict[str, Any]
) -> Feature:
    geometry = shapely.geometry.mapping(shapely.set_precision(shape, 0.1))
    properties: dict[str, Any] = {"objectType": kind, "name": name, "measurements": measurements}
    if classification:
        properties["classification"] = classification
    identity = str(uuid5(NAMESPACE_URL, f"spotwhisperer/{slide}/{kind}/{name}"))
    return {"type": "Feature", "id": identity, "geometry": geometry, "properties": properties}
