"""Embeddings relative to their slide: what stain and scanner add to all of it goes, contrasts within it stay."""

from collections.abc import Sequence

import numpy as np

from models.protocols import F32, Rows

ROWS_AT_ONCE = 4096
LEAST_SPOTS = 20  # fewer do not make a slide: the mean of the training tissue stands in
ROLES = (slice(0, 1), slice(1, None))  # columns of spot tiles and of sub-tiles


def centre(embeddings: F32, reference: F32) -> F32:
    """(n, k, d) of one slide minus its mean, spot tiles and sub-tiles each by their own.

    `reference` (2, d): means by role over the training tissue, taken instead where there are fewer than 20 spots.
    """
    return minus(embeddings, slide_means(embeddings, reference))


def slide_means(embeddings: Rows, reference: F32) -> F32:
    """Means by role (2, d) that `centre` takes out; the slide is read in parts."""
    n, k, _ = embeddings.shape
    means = np.array(reference, np.float32)
    if n < LEAST_SPOTS:
        return means
    sums = np.zeros(means.shape, np.float64)
    for start in range(0, n, ROWS_AT_ONCE):
        part = np.asarray(embeddings[start : start + ROWS_AT_ONCE], np.float32)
        for role, columns in enumerate(ROLES):
            sums[role] += part[:, columns].sum(axis=(0, 1), dtype=np.float64)
    means[0] = sums[0] / n
    if k > 1:
        means[1] = sums[1] / (n * (k - 1))
    return means


def minus(embeddings: F32, means: F32) -> F32:
    """(n, k, d) minus means by role (2, d)."""
    out = np.array(embeddings, np.float32)
    for role, columns in enumerate(ROLES):
        out[:, columns] -= means[role]
    return out


def reference_of(slides: Sequence[F32]) -> F32:
    """Mean by role (2, d) over slides, from embeddings (n, k, d) of each."""
    means = [np.mean([part[:, role].mean(axis=(0, 1)) for part in slides], axis=0) for role in ROLES]
    return np.stack(means).astype(np.float32)
