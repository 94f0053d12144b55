"""Embeddings brought to one slide-independent scale: what stain and scanner add to a whole slide goes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
LEAST_SPOTS = 20  # fewer do not make a slide: the reference's own mean and SD stand in
ROLES = (slice(0, 1), slice(1, None))  # columns of spot tiles and of sub-tiles


@dataclass(frozen=True)
class Reference:
    """Mean and SD of embeddings over the training tissue, by role: (2, d) each, spot tiles and sub-tiles."""

    mean: F32
    sd: F32


def standardise(embeddings: F32, reference: Reference) -> F32:
    """(n, k, d) of one slide, centred on the slide and scaled to the reference's SD, each role by itself."""
    out = np.empty(embeddings.shape, np.float32)
    for role, columns in enumerate(ROLES):
        part = np.asarray(embeddings[:, columns], np.float32)
        mean, sd = reference.mean[role], reference.sd[role]
        if len(part) >= LEAST_SPOTS and part.shape[1]:
            mean, sd = part.mean(axis=(0, 1)), part.std(axis=(0, 1))
        out[:, columns] = (part - mean) / np.maximum(sd, 1e-6) * reference.sd[role]
    return out


def reference_of(slides: list[F32]) -> Reference:
    """Mean over all slides and mean SD within a slide, from embeddings (n, k, d) of each."""
    mean = [np.mean([part[:, role].mean(axis=(0, 1)) for part in slides], axis=0) for role in ROLES]
    sd = [np.mean([part[:, role].std(axis=(0, 1)) for part in slides], axis=0) for role in ROLES]
    return Reference(np.stack(mean).astype(np.float32), np.stack(sd).astype(np.float32))
