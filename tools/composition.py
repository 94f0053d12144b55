"""Which of several labels fits each spot best, what the tissue is made of by that, and where no label fits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from models.protocols import F32
from tools.enrichment import term_maps
from tools.errors import ToolError
from tools.prepared import PreparedSlide

FEWEST, MOST = 2, 12
DRAWS = 64  # sets of unrelated phrases from which the threshold is taken
CONFIDENT = 0.5  # SDs of unrelated phrases by which the best label must lead the second to be called clear


@dataclass(frozen=True)
class Composition:
    """Labels of the spots.

    `best` (n,) position in `labels`, -1 where no label fits; `margin` (n,) lead of the best label over the second;
    `scores` (n, q); `threshold` what the best of q unrelated phrases reaches on a typical spot: below it, none fits;
    `probability` (n, q) among these labels and by how much such were `off` on held-out tissue, None where the models
    were not calibrated.
    """

    labels: tuple[str, ...]
    best: NDArray[np.int64]
    margin: NDArray[np.float32]
    scores: F32
    threshold: float
    probability: F32 | None = None
    off: float | None = None

    def share(self, number: int) -> float:
        """Share of the spots with a label; -1 is "none fits"."""
        return float((self.best == number).mean())

    def sure(self, number: int) -> float | None:
        """Mean probability of a label over the spots that have it; None where it is not known or there are none."""
        mine = self.best == number
        if self.probability is None or not mine.any():
            return None
        return float(self.probability[mine, number].mean())

    def clear(self, number: int) -> float:
        """Among the spots with a label, the share that it leads by at least `CONFIDENT`; 0 where there are none."""
        mine = self.best == number
        return float((self.margin[mine] >= CONFIDENT).mean()) if mine.any() else 0.0


def annotate_spots(slide: PreparedSlide, labels: Sequence[str]) -> Composition:
    """Give every spot the label with the highest score, or none. Raises ToolError unless there are 2 to 12 labels."""
    wanted = tuple(dict.fromkeys(" ".join(label.split()) for label in labels if label.strip()))
    if not FEWEST <= len(wanted) <= MOST:
        raise ToolError(f"Give {FEWEST} to {MOST} different labels, such as tumor, stroma and fat; got {len(wanted)}.")
    scores = term_maps(slide, wanted)
    threshold = _threshold(slide.null_scores(), len(wanted))
    ordered = np.sort(scores, axis=1)
    best = np.where(ordered[:, -1] >= threshold, scores.argmax(axis=1), -1).astype(np.int64)
    margin = np.asarray(ordered[:, -1] - ordered[:, -2], np.float32)
    known = slide.calibration()
    if known is None:
        return Composition(wanted, best, margin, scores, threshold)
    probability = np.asarray(softmax(scores / known.temperature, axis=1), np.float32)
    return Composition(wanted, best, margin, scores, threshold, probability, known.error)


def _threshold(null: F32, labels: int) -> float:
    """Median, over spots and random sets of `labels` unrelated phrases, of the best phrase's score."""
    rng = np.random.default_rng(0)
    sets = [rng.choice(null.shape[1], min(labels, null.shape[1]), replace=False) for _ in range(DRAWS)]
    return float(np.median(np.stack([null[:, chosen].max(axis=1) for chosen in sets])))
