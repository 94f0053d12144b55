from pathlib import Path

import numpy as np
import pytest
import shapely

from tests.synthetic import MPP
from tools.regions import highlight, region, rows_of
from tools.slide import open_slide
from tools.spots import Spots, spot_grid


@pytest.fixture(params=["hex", "square"])
def spots(request: pytest.FixtureRequest, he_png: Path) -> Spots:
    return spot_grid(open_slide(he_png, MPP), pitch_um=50, layout=request.param)


def two_islands(spots: Spots) -> np.ndarray:
    x, y = spots.l0_xy.T
    values = np.full(len(spots), -1.0)
    values[(x < 350) & (y < 350)] = 3
    values[(x > 800) & (y > 500)] = 2
    return values


def test_planted_islands_are_found(spots: Spots) -> None:
    values = two_islands(spots)
    found = highlight(values, spots, "island")
    assert [r.id for r in found] == ["r1", "r2"]
    assert {tuple(r.spots) for r in found} == {tuple(np.flatnonzero(values == v)) for v in (2, 3)}
    assert (rows_of(values, spots, "island") == np.flatnonzero(values > 0)).all()


def test_polygon_encloses_its_spots_and_area_agrees(spots: Spots) -> None:
    for found in highlight(two_islands(spots), spots, "island"):
        shape = shapely.union_all([shapely.Polygon(ring) for ring in found.polygons])
        assert shapely.contains_xy(shape, spots.l0_xy[found.spots]).all()
        outside = np.setdiff1d(np.arange(len(spots)), found.spots)
        assert not shapely.contains_xy(shape, spots.l0_xy[outside]).any()
        assert shape.area * spots.mpp**2 == pytest.approx(found.area_um2, rel=0.06)


def test_area_grows_with_mpp_squared(spots: Spots) -> None:
    rows = np.arange(10)
    assert region("r1", "", rows, spots).area_um2 == pytest.approx(10 * spots.cell_um2)


def test_fraction_takes_that_share(spots: Spots) -> None:
    values = np.random.default_rng(0).normal(size=len(spots)) * 0.01 + spots.l0_xy[:, 0]
    found = highlight(values, spots, "right", fraction=0.1)
    chosen = np.concatenate([r.spots for r in found])
    assert len(chosen) == pytest.approx(0.1 * len(spots), abs=3)
    assert spots.l0_xy[chosen, 0].min() > np.quantile(spots.l0_xy[:, 0], 0.85)


def test_nothing_above_zero_is_nothing(spots: Spots) -> None:
    assert highlight(np.full(len(spots), -2.0), spots, "nothing") == []
    assert len(rows_of(np.full(len(spots), -2.0), spots, "nothing")) == 0


def test_single_spots_are_dropped_beside_real_regions(spots: Spots) -> None:
    values = two_islands(spots)
    lonely = int(np.argmin(np.abs(spots.l0_xy - [600, 200]).sum(axis=1)))
    values[lonely] = 9
    assert all(lonely not in r.spots for r in highlight(values, spots, "island"))
