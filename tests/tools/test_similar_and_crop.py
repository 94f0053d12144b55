"""Spots like a region through the index, and a closer look at a region."""

import numpy as np
import pytest

from tools.crop import crop_region
from tools.errors import ToolError
from tools.prepare import Runtime
from tools.prepared import PreparedSlide
from tools.similar import similar_spots
from tools.workspace import Workspace


def test_similar_spots_are_of_the_same_tissue(fake_workspace: Workspace, tissue: PreparedSlide) -> None:
    left = np.flatnonzero(tissue.spots.l0_xy[:, 0] < 480)
    found = similar_spots(fake_workspace, tissue, left[:8], ["tissue"], Runtime(), top=10)
    assert len(found.hits) == 10 and found.by_slide() == {"tissue": 10}
    assert not {hit.spot for hit in found.hits} & {tissue.spots.ids[row] for row in left[:8]}
    assert np.mean([hit.x < 520 for hit in found.hits]) > 0.8
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)
    with pytest.raises(ToolError, match="no other prepared slide"):
        similar_spots(fake_workspace, tissue, left, [], Runtime())


def test_a_crop_shows_the_region_and_nothing_finer(tissue: PreparedSlide) -> None:
    rows = np.flatnonzero(tissue.spots.l0_xy[:, 0] < 400)
    crop = crop_region(tissue, rows)
    span = np.ptp(tissue.spots.l0_xy[rows], axis=0).max() * tissue.mpp
    assert crop.side_um == pytest.approx(span + 2 * tissue.spots.pitch_um)
    assert crop.mpp >= tissue.mpp and max(crop.image.size) <= 1024
    pixel = np.asarray(crop.image)[crop.image.height // 2, crop.image.width // 4]
    assert pixel[2] > pixel[1]  # purple, as drawn
    small = crop_region(tissue, rows, max_px=128)
    assert small.image.size == (128, 128) and small.mpp > crop.mpp
    assert small.mpp * small.magnification == pytest.approx(10)
