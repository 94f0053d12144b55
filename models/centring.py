"""Embeddings relative to their slide: what stain and scanner add to all of it goes, contrasts within it stay."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
LEAST_SPOTS = 20  # fewer do not make a slide: the mean of the training tissue stands in
ROLES = (slice(0, 1), slice(1, None))  # columns of spot tiles and of sub-tiles


def centre(embeddings: F32, reference: F32) -> F32:
    """(n, k, d) of one slide minus its mean, spot tiles and sub-tiles each by their own.

    `reference` (2, d): means by role over the training tissue, taken instead where there are fewer than 20 spots.
    """
    out = np.empty(embeddings.shape, np.float32)
    for role, columns in enumerate(ROLES):
        part = np.asarray(embeddings[:, columns], np.float32)
        whole = len(part) >= LEAST_SPOTS and part.shape[1]
        out[:, columns] = part - (part.mean(axis=(0, 1)) if whole else reference[role])
    return out


def reference_of(slides: Sequence[F32]) -> F32:
    """Mean by role (2, d) over slides, from embeddings (n, k, d) of each."""
    means = [np.mean([part[:, role].mean(axis=(0, 1)) for part in slides], axis=0) for role in ROLES]
    return np.stack(means).astype(np.float32)
