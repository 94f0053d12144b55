"""What is drawn over the slide, as compact JSON: pure functions from spots, layers and regions to payloads.

Arrays travel as base64 of little-endian bytes, many times smaller than JSON numbers. Every coordinate is (x, y) =
(column, row) in level-0 pixels.
"""

import base64
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.session import Layer
from tools.regions import Region
from tools.spots import Spots
from viewer.palette import LEVELS, MIDDLE, MISSING, diverging, sequential

Payload = dict[str, Any]

CLIP = 99.0  # percentile at which colours saturate, so that one extreme spot does not bleach the rest
SMALLEST_SCORE_RANGE = 1.0  # scores within 1 SD of unrelated phrases stay pale


def pack(values: NDArray[Any], dtype: str) -> str:
    """Base64 of the array's bytes in the given little-endian dtype, row-major."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii")


def spots_payload(spots: Spots) -> Payload:
    """Centres, radius and ids of the spots of one slide."""
    return {
        "n": len(spots),
        "radius": min(spots.spot_um, spots.pitch_um) / 2 / spots.mpp,  # where spots overlap, each is drawn as its cell
        "xy": pack(spots.l0_xy, "<f4"),
        "ids": "\n".join(spots.ids),
    }


def score_codes(values: NDArray[np.float32]) -> tuple[NDArray[np.uint8], float, float]:
    """Quantise scores symmetrically about 0, which is code MIDDLE. Returns codes and the ends of the legend."""
    finite = values[np.isfinite(values)]
    reach = float(np.percentile(np.abs(finite), CLIP)) if finite.size else 0.0
    reach = max(reach, SMALLEST_SCORE_RANGE)
    return _quantise(values / reach * MIDDLE + MIDDLE), -reach, reach


def gene_codes(values: NDArray[np.float32]) -> tuple[NDArray[np.uint8], float, float]:
    """Quantise expression from its low to its high percentile. Returns codes and the ends of the legend."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return _quantise(values), 0.0, 1.0
    low, high = (float(edge) for edge in np.percentile(finite, [100 - CLIP, CLIP]))
    if high <= low:
        high = low + 1.0
    return _quantise((values - low) / (high - low) * (LEVELS - 1)), low, high


def layer_payload(layer: Layer, source: str = "predicted") -> Payload:
    """One layer: a colour code and a value per spot, the palette and the legend.

    `source` says whether expression is predicted or measured; it is written beside the unit.
    """
    score = layer.kind == "score"
    codes, low, high = score_codes(layer.values) if score else gene_codes(layer.values)
    return {
        "id": layer.id,
        "title": layer.title,
        "kind": layer.kind,
        "units": "SD above unrelated phrases" if score else f"log1p CP10K, {source}",
        "low": low,
        "high": high,
        "codes": pack(codes, "u1"),
        "values": pack(layer.values, "<f4"),
        "palette": pack(diverging() if score else sequential(), "u1"),
    }


def regions_payload(regions: Iterable[Region], shown: Iterable[str]) -> list[Payload]:
    """Outlines, in drawing order; `shown` names those that are visible at once, the others wait to be called up."""
    visible = set(shown)
    return [
        {
            "id": region.id,
            "query": region.query,
            "area": area_words(region.area_um2),
            "spots": len(region.spots),
            "shown": region.id in visible,
            "rings": [np.round(ring, 1).ravel().tolist() for ring in region.polygons],
        }
        for region in regions
    ]


def area_words(area_um2: float) -> str:
    """An area in the unit that reads best."""
    if area_um2 >= 10_000:
        return f"{area_um2 / 1e6:.2f} mm²"
    return f"{area_um2:,.0f} µm²"


def _quantise(scaled: NDArray[Any]) -> NDArray[np.uint8]:
    """Round to codes 0..254; what is not finite becomes MISSING."""
    finite = np.isfinite(scaled)
    codes = np.full(scaled.shape, MISSING, dtype=np.uint8)
    codes[finite] = np.rint(np.clip(scaled[finite], 0, LEVELS - 1)).astype(np.uint8)
    return codes
