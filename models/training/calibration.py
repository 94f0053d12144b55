"""Scores of labels to probabilities: one temperature, fitted and judged on tissue of which nothing was seen."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

F32 = NDArray[np.float32]
Labelled = tuple[F32, NDArray[np.int64]]  # scores (n, k) of one section, number of the right label (n,)
RANGE = (0.05, 500.0)  # temperatures that are looked at
BINS = 10


def probabilities(scores: F32, temperature: float) -> F32:
    """Scores (n, k) to probabilities (n, k) over the k labels (temperature scaling, Guo et al. 2017)."""
    return np.asarray(softmax(scores / temperature, axis=1), np.float32)


def fit_temperature(sections: Sequence[Labelled]) -> float:
    """The temperature with the least mean negative log likelihood; every section counts the same."""

    def loss(log_temperature: float) -> float:
        return float(np.mean([surprise(section, float(np.exp(log_temperature))) for section in sections]))

    found = minimize_scalar(loss, bounds=tuple(np.log(RANGE)), method="bounded")
    return float(np.exp(found.x))


def surprise(section: Labelled, temperature: float) -> float:
    """Mean negative log likelihood of the right labels, in shares of what equal probabilities reach: 1 is no news."""
    scores, label = section
    log_p = log_softmax(scores / temperature, axis=1)
    return float(-log_p[np.arange(len(label)), label].mean() / np.log(scores.shape[1]))


def calibration_error(sections: Sequence[Labelled], temperature: float) -> float:
    """Expected calibration error of the best label (Guo et al. 2017): mean gap between confidence and accuracy."""
    sure, right = [], []
    for scores, label in sections:
        p = probabilities(scores, temperature)
        sure.append(p.max(axis=1))
        right.append(p.argmax(axis=1) == label)
    confidence, correct = np.concatenate(sure), np.concatenate(right)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [
        abs(float(confidence[bins == b].mean()) - float(correct[bins == b].mean())) * float((bins == b).mean())
        for b in np.unique(bins)
    ]
    return float(sum(gaps))
