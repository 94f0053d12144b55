"""Spots, layers and regions as the browser draws them; numbers travel as base64 or as plain little-endian bytes.

The browser turns a value v of a layer into the colour `254 (v - low) / (high - low)` of its map. Every coordinate is
(x, y) = (column, row) in level-0 pixels.
"""

import base64
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.session import Layer
from tools.export.colours import value_range
from tools.regions import Region
from tools.spots import Spots
from viewer.palette import palettes

Payload = dict[str, Any]

UNITS = {"score": "SD above unrelated phrases", "category": "label of each spot"}


def pack(values: NDArray[Any], dtype: str) -> str:
    """Base64 of the array's bytes in the given little-endian dtype, row-major."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii")


def palettes_payload() -> Payload:
    """Every colour map by name, 256 RGBA entries each."""
    return {name: pack(table, "u1") for name, table in palettes().items()}


def spots_payload(spots: Spots) -> Payload:
    """Centres, radius and ids of the spots of one slide."""
    return {
        "n": len(spots),
        "radius": min(spots.spot_um, spots.pitch_um) / 2 / spots.mpp,  # where spots overlap, each is drawn as its cell
        "xy": pack(spots.l0_xy, "<f4"),
        "ids": "\n".join(spots.ids),
    }


def spots_key(slide: str, spots: Spots) -> str:
    """Changes when the spots of a slide do, so that the browser keeps them until then."""
    return f"{slide}:{len(spots)}:{spots.layout}:{spots.spot_um:g}:{spots.pitch_um:g}"


def layer_payload(layer: Layer, source: str = "predicted") -> Payload:
    """What a layer shows, in which units, and between which values its colours run; its values travel apart.

    `source` says whether expression is predicted or measured; it is written beside the unit.
    """
    labels = list(layer.labels)
    low, high = (0.0, 254.0) if layer.kind == "category" else value_range(layer.kind, layer.values)
    units = UNITS.get(layer.kind, f"log1p CP10K, {source}")
    return {"id": layer.id, "title": layer.title, "kind": layer.kind, "units": units} | {
        "low": low,
        "high": high,
        "labels": labels,
    }


def values_bytes(layer: Layer) -> bytes:
    """(n,) float32, little-endian; NaN for spots without a value."""
    return np.ascontiguousarray(layer.values, "<f4").tobytes()


def regions_payload(regions: Iterable[Region], hidden: Collection[str], own: Collection[str]) -> list[Payload]:
    """Outlines in drawing order; `hidden` wait to be called up, `own` were drawn or brought by the person."""
    return [
        {
            "id": region.id,
            "query": region.query,
            "area": area_words(region.area_um2),
            "rows": [int(row) for row in region.spots],
            "shown": region.id not in hidden,
            "own": region.id in own,
            "rings": [np.round(ring, 1).ravel().tolist() for ring in region.polygons],
        }
        for region in regions
    ]


def area_words(area_um2: float) -> str:
    """An area in the unit that reads best."""
    if area_um2 >= 10_000:
        return f"{area_um2 / 1e6:.2f} mm²"
    return f"{area_um2:,.0f} µm²"
