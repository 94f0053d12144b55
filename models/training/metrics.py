"""Figures by which models are judged."""

import numpy as np
from numpy.typing import NDArray


def pearson_per_gene(predicted: NDArray[np.floating], measured: NDArray[np.floating]) -> NDArray[np.float64]:
    """Correlation over spots of each column, (n, g) and (n, g) -> (g,); 0 where a column is constant."""
    a = predicted - predicted.mean(axis=0)
    b = measured - measured.mean(axis=0)
    scale = np.sqrt((a.astype(np.float64) ** 2).sum(axis=0) * (b.astype(np.float64) ** 2).sum(axis=0))
    return np.where(scale > 1e-9, (a * b).sum(axis=0) / np.maximum(scale, 1e-9), 0.0)


def auroc(scores: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    """Probability that a true row scores above a false one, ties counting half; NaN where one side is empty."""
    n_true, n_false = int(truth.sum()), int((~truth).sum())
    if not n_true or not n_false:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]
    return float((ranks[truth].sum() - n_true * (n_true + 1) / 2) / (n_true * n_false))
