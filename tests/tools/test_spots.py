from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial import cKDTree

from tests.synthetic import HEIGHT, MPP, WIDTH
from tools.errors import MppNeeded, SlideError
from tools.slide import open_slide
from tools.spots import spot_grid


@pytest.mark.parametrize(("layout", "neighbours"), [("hex", 6), ("square", 4)])
def test_spots_keep_their_distance(he_png: Path, layout: str, neighbours: int) -> None:
    spots = spot_grid(open_slide(he_png, MPP), spot_um=40, pitch_um=60, layout=layout)  # type: ignore[arg-type]
    distance = cKDTree(spots.l0_xy * spots.mpp).query(spots.l0_xy * spots.mpp, k=neighbours + 1)[0]
    assert distance[:, 1].min() == pytest.approx(60)
    inner = distance[:, neighbours] < 61
    assert inner.mean() > 0.6


def test_spots_lie_on_tissue(he_png: Path) -> None:
    spots = spot_grid(open_slide(he_png, MPP), pitch_um=50)
    x, y = spots.l0_xy.T
    assert (x > 130).all() and (x < 1020).all() and (y > 80).all() and (y < 720).all()
    assert len(spots) == pytest.approx(850 * 600 / (50**2 * np.sqrt(3) / 2), rel=0.1)
    assert spots.tissue_um2 == pytest.approx(850 * 600, rel=0.05)


def test_scale_comes_from_mpp(he_png: Path) -> None:
    fine, coarse = (spot_grid(open_slide(he_png, mpp), pitch_um=50) for mpp in (0.5, 1.0))
    assert len(coarse) == pytest.approx(4 * len(fine), rel=0.15)


def test_hexagonal_array_positions_are_visium_like(he_png: Path) -> None:
    spots = spot_grid(open_slide(he_png, MPP), pitch_um=100)
    assert ((spots.array_row + spots.array_col) % 2 == 0).all()
    same_row = spots.array_row == spots.array_row[0]
    assert np.diff(np.sort(spots.array_col[same_row])).min() == 2
    assert len(set(spots.ids)) == len(spots)


def test_small_specimens_get_a_finer_grid(he_png: Path) -> None:
    assert spot_grid(open_slide(he_png, MPP)).pitch_um == 50
    assert spot_grid(open_slide(he_png, 4.0)).pitch_um == 100


@pytest.mark.parametrize(("size", "mpp", "words"), [((300, 200), 1.0, "blank"), ((1, 1), 1.0, "smaller than one spot")])
def test_slides_without_a_place_for_spots(tmp_path: Path, size: tuple[int, int], mpp: float, words: str) -> None:
    path = tmp_path / "slide.png"
    Image.new("RGB", size, (244, 244, 244)).save(path)
    with pytest.raises(SlideError, match=words):
        spot_grid(open_slide(path, mpp))


def test_without_mpp_a_question_is_asked(he_png: Path) -> None:
    with pytest.raises(MppNeeded):
        spot_grid(open_slide(he_png))


@pytest.mark.parametrize(("spot_um", "pitch_um"), [(0, 50), (55, -1), (5000, 100)])
def test_absurd_sizes_are_refused(he_png: Path, spot_um: float, pitch_um: float) -> None:
    with pytest.raises(SlideError, match="not plausible"):
        spot_grid(open_slide(he_png, MPP), spot_um, pitch_um)


def test_the_grid_is_inside_a_slide_that_is_not_square(he_png: Path) -> None:
    spots = spot_grid(open_slide(he_png, MPP), pitch_um=50)
    assert spots.l0_xy[:, 0].max() < WIDTH and spots.l0_xy[:, 1].max() < HEIGHT
    assert spots.l0_xy[:, 0].max() > HEIGHT  # x is the long side here
