import numpy as np

from tests.synthetic import GLASS, he_pixels
from tools.tissue import otsu, tissue_mask


def test_tissue_is_found_and_glass_is_not() -> None:
    mask = tissue_mask(he_pixels()[::8, ::8], 8.0)
    assert mask[20:80, 25:118].mean() > 0.95
    assert mask[:8].mean() == 0 and mask[:, 135:].mean() == 0


def test_blank_glass_has_no_tissue() -> None:
    noise = np.random.default_rng(0).integers(-3, 4, (100, 120, 3))
    assert not tissue_mask((np.array(GLASS) + noise).astype(np.uint8), 8.0).any()


def test_ink_and_black_border_are_no_tissue() -> None:
    thumb = np.full((100, 120, 3), GLASS, np.uint8)
    thumb[10:50, 10:50] = (30, 160, 120)
    thumb[:, 90:] = 5
    assert not tissue_mask(thumb, 8.0).any()


def test_specks_are_dropped() -> None:
    thumb = np.full((100, 120, 3), GLASS, np.uint8)
    thumb[50:53, 50:53] = (150, 60, 150)
    assert not tissue_mask(thumb, 8.0).any()


def test_otsu_separates_two_heaps() -> None:
    rng = np.random.default_rng(1)
    threshold = otsu(np.concatenate([rng.normal(0, 1, 900), rng.normal(10, 1, 100)]))
    assert 3 < threshold < 8
    assert otsu(np.full(5, 2.0)) == 2.0
