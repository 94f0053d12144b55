"""Distances in um and contact against chance, on spots whose places are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tools.errors import ToolError
from tools.relations import border_distance, neighbour_pairs, relate
from tools.spots import Spots


@pytest.fixture(scope="module")
def grid() -> Spots:
    """30 x 20 spots, 100 um apart, at 0.5 um per px, not square."""
    row, col = (part.ravel() for part in np.meshgrid(np.arange(20), np.arange(30), indexing="ij"))
    l0_xy = np.stack([col, row], axis=1) * 200.0 + 500
    return Spots(tuple(f"{r}x{c}" for r, c in zip(row, col, strict=True)), l0_xy, row, col, 55, 100, "square", 0.5)


def columns(grid: Spots, first: int, last: int) -> NDArray[np.int64]:
    return np.flatnonzero((grid.array_col >= first) & (grid.array_col <= last))


def test_distances_are_in_um(grid: Spots) -> None:
    found = relate(columns(grid, 0, 2), columns(grid, 10, 12), grid)
    assert sorted(set(found.to_spots.round())) == [800, 900, 1000]
    assert sorted(set(found.to_border.round())) == [750, 850, 950]
    assert found.both == 0 and found.contact == 0


def test_inside_is_negative_and_the_tissue_edge_is_no_border(grid: Spots) -> None:
    left = columns(grid, 0, 9)
    distance = border_distance(left, left, grid)
    assert distance.max() == pytest.approx(-50, abs=2)
    assert distance.min() == pytest.approx(-950, abs=2)  # the leftmost column lies at the tissue's edge


def test_neighbours_touch_more_than_chance_and_far_regions_less(grid: Spots) -> None:
    middle, beside = columns(grid, 12, 15), columns(grid, 16, 19)
    touching = relate(middle, beside, grid)
    assert touching.contact == pytest.approx(0.5, abs=0.05) and touching.contact > touching.expected
    scattered = np.random.default_rng(2).choice(len(grid), 60, replace=False)
    assert relate(scattered, beside, grid).p > 0.05


def test_two_clumps_side_by_side_by_luck_are_not_called_certain(grid: Spots) -> None:
    """Clumped regions touch or not by luck alone: p over many random pairs must be spread out, not piled up at 0."""
    rng = np.random.default_rng(5)
    p = []
    for _ in range(40):
        corners = rng.integers(0, (24, 14), (2, 2))
        a, b = (
            np.flatnonzero((np.abs(grid.array_col - c) <= 4) & (np.abs(grid.array_row - r) <= 4)) for c, r in corners
        )
        if len(np.setdiff1d(a, b)):
            p.append(relate(a, np.setdiff1d(b, a), grid).p)
    assert np.mean(np.asarray(p) < 0.05) < 0.2


def test_overlap_counts_as_no_distance(grid: Spots) -> None:
    found = relate(columns(grid, 0, 5), columns(grid, 4, 9), grid)
    assert found.both == 40 and (found.to_spots == 0).sum() == 40


def test_neighbour_pairs_are_symmetric(grid: Spots) -> None:
    pairs = {tuple(pair) for pair in neighbour_pairs(grid)}
    assert all((b, a) in pairs for a, b in pairs)


def test_what_makes_no_sense_is_refused(grid: Spots) -> None:
    with pytest.raises(ToolError, match="same spots"):
        relate(np.arange(5), np.arange(5), grid)
    with pytest.raises(ToolError, match="at least one"):
        relate(np.arange(5), np.arange(0), grid)
