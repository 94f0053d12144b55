"""Scores to regions: connected groups of spots with a polygon and an area."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from tools.spots import Spots
from tools.tissue import otsu

MIN_SPOTS = 3
MAX_REGIONS = 12


@dataclass(frozen=True)
class Region:
    """A connected piece of tissue, or the union of several.

    `spots` row numbers into the slide's spots; `polygons` one or more rings ((m, 2) x, y in level-0 px, not closed,
    holes left out); `area_um2` area of the spot cells; `query` the words it answers.
    """

    id: str
    query: str
    spots: NDArray[np.int64]
    polygons: tuple[NDArray[np.float64], ...]
    area_um2: float


def highlight(values: NDArray[np.floating], spots: Spots, query: str, fraction: float | None = None) -> list[Region]:
    """Regions of high `values` (n,), those with the highest sum of scores first, at most 12.

    `fraction` takes that share of the spots; None lets Otsu's threshold decide, never below 0. Groups of fewer than 3
    touching spots are dropped unless there is nothing else. Ids are r1, r2, ... in that order.
    """
    if fraction is None:
        threshold = max(otsu(values), 0.0)
        rows = np.flatnonzero(values > threshold)
    else:
        rows = np.argsort(-values, kind="stable")[: max(1, round(fraction * len(values)))]
    groups = _touching(rows, spots)
    kept = [group for group in groups if len(group) >= MIN_SPOTS] or groups
    kept.sort(key=lambda group: -float((values[group] - values.min()).sum()))
    return [region(f"r{i + 1}", query, group, spots) for i, group in enumerate(kept[:MAX_REGIONS])]


def rows_of(values: NDArray[np.floating], spots: Spots, query: str) -> NDArray[np.int64]:
    """Rows of all spots in the regions that `highlight` finds."""
    found = [found.spots for found in highlight(values, spots, query)]
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)


def region(region_id: str, query: str, rows: NDArray[np.int64], spots: Spots) -> Region:
    """The region that consists of the spots `rows`, outlined along their grid cells."""
    rows = np.unique(np.asarray(rows, np.int64))
    parts = shapely.get_parts(outline(rows, spots))
    rings = tuple(np.asarray(part.exterior.coords)[:-1] for part in sorted(parts, key=lambda part: -part.area))
    return Region(region_id, query, rows, rings, len(rows) * spots.cell_um2)


def outline(rows: NDArray[np.int64], spots: Spots) -> Any:
    """Union of the grid cells of the spots `rows`: a shapely (multi)polygon in level-0 px, holes kept."""
    return shapely.union_all(_cells(np.asarray(rows, np.int64), spots))


def _touching(rows: NDArray[np.int64], spots: Spots) -> list[NDArray[np.int64]]:
    """Split spots into groups whose grid cells touch."""
    if not len(rows):
        return []
    reach = spots.pitch_um / spots.mpp * (1.5 if spots.layout == "square" else 1.25)
    pairs = cKDTree(spots.l0_xy[rows]).query_pairs(reach, output_type="ndarray")
    ones = np.ones(len(pairs), bool)
    graph = coo_matrix((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(rows), len(rows)))
    count, label = connected_components(graph, directed=False)
    return [rows[label == i] for i in range(count)]


def _cells(rows: NDArray[np.int64], spots: Spots) -> NDArray[np.object_]:
    """Grid cell of each spot: a square, or a hexagon with a corner up; 1 % larger so that neighbours fuse."""
    corners = 4 if spots.layout == "square" else 6
    radius = spots.pitch_um / spots.mpp * (math.sqrt(0.5) if corners == 4 else 1 / math.sqrt(3)) * 1.01
    angle = (np.arange(corners) + 0.5) * 2 * math.pi / corners
    ring = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.asarray(shapely.polygons(spots.l0_xy[rows][:, None] + ring[None]))
