"""Labels of spots: what fits best, and that nothing may fit."""

import numpy as np
import pytest

from tools.composition import annotate_spots
from tools.errors import ToolError
from tools.prepared import PreparedSlide


def test_labels_follow_the_tissue(tissue: PreparedSlide) -> None:
    found = annotate_spots(tissue, ["epithelium", "collagen"])
    left = tissue.spots.l0_xy[:, 0] < 480
    assert (found.best[left] == 0).mean() > 0.8
    assert (found.best[~left] == 1).mean() > 0.5 and (found.best[~left] == 0).mean() < 0.1
    assert sum(found.share(i) for i in (-1, 0, 1)) == pytest.approx(1)
    assert (found.margin >= 0).all() and 0 <= found.clear(0) <= 1


def test_order_of_labels_does_not_matter(tissue: PreparedSlide) -> None:
    one, other = (annotate_spots(tissue, labels) for labels in (["fat", "collagen"], ["collagen", "fat"]))
    swapped = np.where(other.best < 0, -1, 1 - other.best)
    np.testing.assert_array_equal(one.best, swapped)


def test_labels_that_mean_nothing_mostly_fit_nowhere(tissue: PreparedSlide) -> None:
    nonsense = annotate_spots(tissue, ["unrelated thing a", "unrelated thing b"])
    sense = annotate_spots(tissue, ["epithelium", "collagen"])
    assert nonsense.share(-1) > 0.2 and sense.share(-1) < nonsense.share(-1)


@pytest.mark.parametrize("labels", [[], ["one"], ["same", "same "], [str(i) for i in range(13)]])
def test_too_few_and_too_many(tissue: PreparedSlide, labels: list[str]) -> None:
    with pytest.raises(ToolError, match="2 to 12"):
        annotate_spots(tissue, labels)
