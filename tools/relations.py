"""How two sets of spots lie to each other: distances in um, and whether they touch more often than by chance."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tools.errors import ToolError
from tools.regions import outline
from tools.spots import Spots

SHIFTS = 199  # random placements; the smallest p is 1 / 200


@dataclass(frozen=True)
class Relation:
    """A to B, distances in um.

    `to_spots` (a,) from each spot of A to the nearest spot of B, centre to centre, 0 for spots in both;
    `to_border` (a,) from each spot of A to B's border with other tissue, negative inside B; `elsewhere` median of the
    same distance for the tissue that is in neither, NaN where there is none; `both` spots in A and in B.
    `contact` share of A's neighbours outside A that are in B; `expected` and `p` the same for A moved to random places.
    """

    to_spots: NDArray[np.float64]
    to_border: NDArray[np.float64]
    elsewhere: float
    both: int
    contact: float
    expected: float
    p: float


def relate(a: NDArray[np.int64], b: NDArray[np.int64], spots: Spots) -> Relation:
    """Relate spots `a` to spots `b`. Raises ToolError where either is empty or both are the same."""
    a, b = np.unique(a), np.unique(b)
    if not len(a) or not len(b):
        raise ToolError("A distance needs two regions with at least one spot each.")
    if np.array_equal(a, b):
        raise ToolError("Both regions are the same spots, so there is no distance between them.")
    um_xy = spots.l0_xy * spots.mpp
    to_spots = np.asarray(cKDTree(um_xy[b]).query(um_xy[a])[0], np.float64)
    border = border_distance(np.arange(len(spots)), b, spots)
    neither = np.setdiff1d(np.arange(len(spots)), np.union1d(a, b))
    contact, expected, p = _contact(a, b, spots)
    return Relation(
        to_spots, border[a], float(np.median(border[neither])) if len(neither) else float("nan"),
        len(np.intersect1d(a, b)), contact, expected, p,
    )  # fmt: skip


def border_distance(rows: NDArray[np.int64], region: NDArray[np.int64], spots: Spots) -> NDArray[np.float64]:
    """Distance (r,) in um of the spots `rows` to the border of `region` with other tissue, negative inside.

    The edge of the tissue is no such border, unless the region has no other.
    """
    shape = outline(region, spots)
    edge = outline(np.arange(len(spots)), spots).boundary
    slack = 0.05 * spots.pitch_um / spots.mpp
    border = shapely.difference(shape.boundary, shapely.buffer(edge, slack))
    border = shape.boundary if border.is_empty else border
    distance = np.asarray(shapely.distance(shapely.points(spots.l0_xy[rows]), border), np.float64) * spots.mpp
    return np.where(np.isin(rows, region), -distance, distance)


def _contact(a: NDArray[np.int64], b: NDArray[np.int64], spots: Spots) -> tuple[float, float, float]:
    """Share of A's outer neighbours that are in B; its mean over random placements of A, and a two-sided p.

    A placement turns and shifts A as a whole over the torus of the slide and takes the nearest spots, so that it stays
    as clumped as it is: shuffling single spots would call any two clumped regions unlike chance.
    """
    pairs = neighbour_pairs(spots)
    in_a, in_b = np.isin(np.arange(len(spots)), a), np.isin(np.arange(len(spots)), b)
    seen = _share(in_a, in_b, pairs)
    rng, tree = np.random.default_rng(0), cKDTree(spots.l0_xy)
    null = np.array([_share(in_a[_moved(spots, tree, rng)], in_b, pairs) for _ in range(SHIFTS)])
    null = null[np.isfinite(null)]
    if not np.isfinite(seen) or not len(null):
        return seen, float("nan"), float("nan")
    upper, lower = int((null >= seen - 1e-12).sum()), int((null <= seen + 1e-12).sum())
    return seen, float(null.mean()), min(1.0, 2 * (1 + min(upper, lower)) / (len(null) + 1))


def neighbour_pairs(spots: Spots) -> NDArray[np.int64]:
    """(m, 2) rows of spots whose grid cells touch, both ways round."""
    reach = spots.pitch_um / spots.mpp * (1.5 if spots.layout == "square" else 1.25)
    pairs = np.asarray(cKDTree(spots.l0_xy).query_pairs(reach, output_type="ndarray"), np.int64)
    return np.concatenate([pairs, pairs[:, ::-1]])


def _share(in_a: NDArray[np.bool_], in_b: NDArray[np.bool_], pairs: NDArray[np.int64]) -> float:
    """Of the neighbours of A that are not in A, the share in B; NaN where A has none."""
    outward = in_a[pairs[:, 0]] & ~in_a[pairs[:, 1]]
    return float(in_b[pairs[outward, 1]].mean()) if outward.any() else float("nan")


def _moved(spots: Spots, tree: cKDTree, rng: np.random.Generator) -> NDArray[np.int64]:
    """(n,) for each spot the spot whose membership it takes, after a random turn and a shift with wrap-around."""
    low, high = spots.l0_xy.min(axis=0), spots.l0_xy.max(axis=0)
    centre, angle = (low + high) / 2, rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (spots.l0_xy - centre) @ turn.T + centre + rng.uniform(0, 1, 2) * (high - low)
    return np.asarray(tree.query(low + np.mod(moved - low, np.maximum(high - low, 1e-9)))[1], np.int64)
