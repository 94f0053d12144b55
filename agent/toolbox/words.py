"""Numbers and places as words: how every tool says an area, a p value, a part of the slide, and what it rests on."""

import math

import numpy as np
from numpy.typing import NDArray

from tools.prepared import PreparedSlide
from tools.regions import Region


def area(um2: float) -> str:
    """An area in mm2, or in um2 where mm2 would be zeros."""
    return f"{um2:,.0f} um2" if um2 < 5_000 else f"{um2 / 1e6:.3g} mm2"


def percent(share: float) -> str:
    """0.183 -> "18 %"; shares below one percent keep a digit."""
    return f"{100 * share:.0f} %" if share >= 0.0095 or share == 0 else f"{100 * share:.1g} %"


def p_value(p: float) -> str:
    """A p value as it is printed."""
    if p < 1e-40:
        return "p < 1e-40"
    return f"p {p:.1g}" if p < 0.01 else f"p {p:.2f}"


def number(value: float, digits: int = 2) -> str:
    """A statistic; one that is unknown says so."""
    return "unknown" if math.isnan(value) else f"{value:.{digits}f}"


def listed(names: list[str] | tuple[str, ...]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else list(names))


def counted(n: int, noun: str) -> str:
    """1 spot, 2 spots, 1,234 spots."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def place(slide: PreparedSlide, rows: NDArray[np.int64]) -> str:
    """Which part of the sampled tissue these spots are in: "upper left", "centre", "throughout"."""
    l0_xy = slide.spots.l0_xy
    low, high = l0_xy.min(axis=0), l0_xy.max(axis=0)
    span = np.maximum(high - low, 1e-9)
    part = (l0_xy[rows] - low) / span
    spread = np.minimum(part.std(axis=0) / 0.2887, 1.5)  # 0.2887: SD of a uniform spread over the whole side
    across = "" if spread[0] > 0.8 else ("left", "", "right")[min(2, int(np.median(part[:, 0]) * 3))]
    down = "" if spread[1] > 0.8 else ("upper", "", "lower")[min(2, int(np.median(part[:, 1]) * 3))]
    if not across and not down:
        return "throughout" if spread.min() > 0.8 else "centre"
    return f"{down} {across}".strip()


def part(where: str) -> str:
    """A `place` after a verb: "in the upper left part"."""
    return {"throughout": "all over the tissue", "centre": "in the centre"}.get(where, f"in the {where} part")


def region_line(slide: PreparedSlide, region: Region) -> str:
    """One region: id, area, spots, where."""
    where = place(slide, region.spots)
    where = where if where in ("throughout", "centre") else f"{where} part"
    return f"- {region.id}: {area(region.area_um2)}, {counted(len(region.spots), 'spot')}, {where}"


def basis(slide: PreparedSlide, joint: bool = True) -> str:
    """What the numbers rest on, in one line; how a reader tells predicted from measured."""
    provenance = slide.provenance
    models = provenance.get("models", {})
    if provenance.get("expression") == "measured":
        source = "measured expression"
    else:
        source = f"expression predicted from the H&E by {models.get('predictor', 'an unnamed model')}, not measured"
    matched = f"; words matched to it by {models['joint']}" if joint and "joint" in models else ""
    if matched and slide.scorer == "fused":
        matched += f", fused with what {models['image-text']} sees in the image itself"
    notes = "".join(f" {note}" for note in slide.notes)
    spots = f"{counted(len(slide.spots), 'spot')} of {slide.spots.spot_um:g} um on {slide.name}"
    return f"Basis: {source}{matched}; {spots}.{notes}"
