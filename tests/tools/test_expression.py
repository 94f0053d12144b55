from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.synthetic import MPP
from tools.errors import SlideError
from tools.expression import box_neighbours, neighbour_rows
from tools.prepared import PreparedSlide
from tools.slide import open_slide
from tools.spots import Spots, spot_grid


@pytest.mark.parametrize(("layout", "most"), [("hex", 6), ("square", 8)])
def test_first_ring(he_png: Path, layout: str, most: int) -> None:
    spots = spot_grid(open_slide(he_png, MPP), pitch_um=60, layout=layout)  # type: ignore[arg-type]
    rows = neighbour_rows(spots, None)
    count = (rows >= 0).sum(axis=1)
    assert count.max() == most and (count == most).mean() > 0.6
    spot, place = np.nonzero(rows >= 0)
    distance = np.linalg.norm((spots.l0_xy[spot] - spots.l0_xy[rows[spot, place]]) * spots.mpp, axis=1)
    assert distance.min() >= 59 and distance.max() < 60 * 1.5


@pytest.mark.parametrize("pitch_um", [50.0, 100.0])
def test_compass_neighbours_do_not_depend_on_the_pitch(he_png: Path, pitch_um: float) -> None:
    spots = spot_grid(open_slide(he_png, MPP), pitch_um=pitch_um)
    rows = neighbour_rows(spots, 200.0)
    assert rows.shape == (len(spots), 8)
    spot, place = np.nonzero(rows >= 0)
    distance = np.linalg.norm((spots.l0_xy[spot] - spots.l0_xy[rows[spot, place]]) * spots.mpp, axis=1)
    assert distance.min() > 99 and distance.max() < 301 and distance.mean() == pytest.approx(200, rel=0.15)


def test_nobody_is_its_own_neighbour_and_a_lonely_spot_has_none() -> None:
    xy = np.array([[0.0, 0.0], [10.0, 0.0], [9000.0, 0.0]])
    spots = Spots(("a", "b", "c"), xy, np.arange(3), np.arange(3), 10.0, 10.0, "square", 1.0)
    rows = neighbour_rows(spots, None)
    assert rows[0].max() == 1 and rows[1].max() == 0
    assert (rows[2] == -1).all()
    assert (neighbour_rows(replace(spots, l0_xy=xy * 100), 10.0) == -1).all()


def test_expression_carries_what_design_promises(tissue: PreparedSlide) -> None:
    data = tissue.adata
    assert data.X.dtype == np.float32 and data.X.min() >= 0
    assert data.obsm["spatial"][:, 0].max() > data.obsm["spatial"][:, 1].max()  # x first, on a wide slide
    assert {"ensembl_id", "reliability"} <= set(data.var.columns)
    assert data.uns["provenance"]["expression"] == "predicted" and data.uns["provenance"]["units"] == "log1p CP10K"
    library = data.uns["spatial"]["tissue"]
    assert library["images"]["hires"].shape[1] == pytest.approx(1200 * library["scalefactors"]["tissue_hires_scalef"])
    assert np.allclose(np.linalg.norm(data.obsm["X_joint"], axis=1), 1, atol=1e-4)


def test_box_neighbours_are_the_four_diagonals_of_a_hexagonal_array_and_eight_of_a_square(he_png: Path) -> None:
    for layout, most in (("hex", 4), ("square", 8)):
        spots = spot_grid(open_slide(he_png, MPP), pitch_um=60, layout=layout)  # type: ignore[arg-type]
        rows = box_neighbours(spots, 1)
        at = np.stack([spots.array_row, spots.array_col], axis=1)
        for i in range(0, len(spots), 7):
            apart = np.abs(at - at[i])
            expected = [j for j in range(len(spots)) if j != i and apart[j].max() <= 1]
            assert sorted(rows[i][rows[i] >= 0]) == expected
        assert (rows >= 0).sum(axis=1).max() == most


def test_box_neighbours_need_array_positions() -> None:
    xy = np.array([[0.0, 0.0], [10.0, 0.0]])
    spots = Spots(("a", "b"), xy, np.arange(2), np.zeros(2, np.int64), 10.0, 10.0, "given", 1.0)
    with pytest.raises(SlideError, match="array_row"):
        box_neighbours(spots, 1)
