"""The arithmetic of the tables. Arrays in, numbers out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

F64 = NDArray[np.float64]


def softmax(raw: F64, scale: float) -> F64:
    """(n, c) scores -> rows that sum to 1 over the columns that are scored; a column of NaN stays NaN."""
    z = scale * raw
    z = z - np.nanmax(z, axis=1, keepdims=True)
    e = np.exp(z)
    return np.asarray(e / np.nansum(e, axis=1, keepdims=True))


def one_vs_rest(scores: F64, truth: NDArray[np.str_], classes: Sequence[str]) -> F64:
    """AUROC (c,) of each column against the rest; NaN where a class is absent, alone, or not scored.

    `scores` (n, c), `truth` (n,) class names.
    """
    return np.array([auroc(scores[:, j], truth == name) for j, name in enumerate(classes)])


def auroc(scores: F64, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve (scikit-learn), NaN where it is not defined."""
    if positive.all() or not positive.any() or np.isnan(scores).any():
        return float("nan")
    return float(roc_auc_score(positive, scores))


def average_precision(scores: F64, positive: NDArray[np.bool_]) -> float:
    """Average precision (scikit-learn), NaN where it is not defined; chance is the share of positives."""
    if positive.all() or not positive.any() or np.isnan(scores).any():
        return float("nan")
    return float(average_precision_score(positive, scores))


def weighted(values: F64, support: F64) -> float:
    """Mean of the defined values weighted by support, as `roc_auc_score(average="weighted")`; NaN where none is."""
    kept = np.isfinite(values) & (support > 0)
    return float(np.average(values[kept], weights=support[kept])) if kept.any() else float("nan")


def accuracy(scores: F64, truth: NDArray[np.str_], classes: Sequence[str]) -> float:
    """Share of rows whose highest score is their class; columns of NaN are never highest."""
    if not len(truth):
        return float("nan")
    best = np.argmax(np.where(np.isnan(scores), -np.inf, scores), axis=1)
    return float(np.mean(np.asarray(classes)[best] == truth))


@dataclass(frozen=True)
class Mean:
    """Mean of the defined values, standard error (SD with ddof 1 over root n; NaN for one), how many they are."""

    mean: float
    sem: float
    n: int


def mean_sem(values: Sequence[float] | F64) -> Mean:
    """Mean and SEM over samples, NaN left out."""
    kept = np.asarray(values, np.float64)
    kept = kept[np.isfinite(kept)]
    if not len(kept):
        return Mean(float("nan"), float("nan"), 0)
    sem = float(kept.std(ddof=1) / np.sqrt(len(kept))) if len(kept) > 1 else float("nan")
    return Mean(float(kept.mean()), sem, len(kept))


@dataclass(frozen=True)
class Sign:
    """Exact two-sided sign test of paired differences: how many are above and below zero; ties do not count."""

    above: int
    below: int
    p: float


def sign_test(differences: Sequence[float] | F64) -> Sign:
    """Two-sided binomial test against one half; p is 1 where nothing differs."""
    d = np.asarray(differences, np.float64)
    above, below = int((d > 0).sum()), int((d < 0).sum())
    p = float(stats.binomtest(above, above + below, 0.5).pvalue) if above + below else 1.0
    return Sign(above, below, p)


def resampled_rows(blocks: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of as many blocks as there are, drawn with replacement: neighbours stay together."""
    names, inverse = np.unique(blocks, return_inverse=True)
    members = [np.flatnonzero(inverse == index) for index in range(len(names))]
    return np.concatenate([members[index] for index in rng.integers(len(names), size=len(names))])


def interval(draws: F64, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of bootstrap draws, NaN where fewer than half of them are defined."""
    kept = draws[np.isfinite(draws)]
    if not len(kept) or len(kept) * 2 < len(draws):
        return float("nan"), float("nan")
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
