"""Joint embeddings against text: one score per spot and query."""

from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from models.protocols import F32
from models.registry import cards
from tools.errors import ToolError

Real = TypeVar("Real", np.float32, np.float64)
Scorer = Literal["molecular", "image-text", "fused"]
SCORERS: tuple[Scorer, ...] = ("molecular", "image-text", "fused")


@dataclass(frozen=True)
class Contrast:
    """How a set of spots differs from the rest: means of the score and the AUROC of telling them apart by it."""

    mean_in: float
    mean_out: float
    auroc: float


def scorer_for(name: str | None, *, measured: bool = False) -> str | None:
    """The scorer that a person named; None is the slide's own choice, to which `measured` counts are also put.

    Raises ToolError for a name that is neither a scorer nor an image-text model, and where predicted and measured would
    be mixed up.
    """
    if measured and name not in (None, "measured"):
        raise ToolError(f"Counts have no image and nothing predicted: '{name}' does not apply; leave --scorer out.")
    if name == "measured" and not measured:
        raise ToolError("'measured' scores an h5ad of counts; a slide has molecular, image-text and fused.")
    if name is None or measured:
        return None
    known = [*SCORERS, *(card.name for card in cards() if card.task == "image-text")]
    if name not in known:
        raise ToolError(f"There is no scorer '{name}'; known: {', '.join(known)}, measured.")
    return name


def score(x_joint: F32, text: F32) -> F32:
    """Cosines (n, q) of unit-norm spots (n, d) and queries (q, d): rows are spots, columns queries."""
    return np.asarray(x_joint @ text.T, np.float32)


class Null:
    """What unrelated phrases reach on a slide, and scores in units of it.

    `cosines` (n, p) of n spots with p unrelated phrases. Taking their mean per spot removes what lights up for any
    phrase; their SD is pooled over spots, so that the shape of a map stays.
    """

    def __init__(self, cosines: F32) -> None:
        self._mean = cosines.mean(axis=1, keepdims=True)
        self._spread = max(float(np.sqrt(np.mean((cosines - self._mean) ** 2))), 1e-6)
        self.scores = self.of(cosines)
        self.scores.flags.writeable = False  # shared by everyone who asks

    def of(self, cosines: F32) -> F32:
        """(n, q) cosines as scores: 0 means "like any phrase", 2 "clearly more than most"."""
        return np.asarray((cosines - self._mean) / self._spread, np.float32)


def against_null(cosines: F32, null: F32) -> F32:
    """Scores of (n, q) cosines in units of the null (n, p), as `Null` says."""
    return Null(null).of(cosines)


def fuse(molecular: NDArray[Real], image_text: NDArray[Real], share: float) -> NDArray[Real]:
    """Scores of both scorers, each in SDs of its own null, averaged; `share` in [0, 1] is the image-text part."""
    return np.asarray((1 - share) * molecular + share * image_text, molecular.dtype)


def contrast(values: NDArray[np.floating], rows: NDArray[np.int64]) -> Contrast:
    """Compare `values` (n,) of the spots `rows` with those of all others; NaN where one side is empty."""
    inside = np.zeros(len(values), bool)
    inside[rows] = True
    a, b = values[inside], values[~inside]
    if not len(a) or not len(b):
        return Contrast(float(a.mean()) if len(a) else np.nan, float(b.mean()) if len(b) else np.nan, np.nan)
    u = float(stats.mannwhitneyu(a, b).statistic)
    return Contrast(float(a.mean()), float(b.mean()), u / (len(a) * len(b)))
