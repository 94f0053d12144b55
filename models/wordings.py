"""A query in several wordings: prompt ensembling for models that were taught with captions."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from models.protocols import F32

# Wordings of the kind that CONCH averages over (Lu et al. 2024). The paper asks with the bare phrase.
TEMPLATES = (
    "{}.",
    "a histopathology image of {}.",
    "an H&E stained image of {}.",
    "a photomicrograph showing {}.",
    "presence of {}.",
    "{} is present.",
    "there is {}.",
    "this is {}.",
)


class TextEncoder(Protocol):
    """The text side of a joint or an image-text model."""

    def encode_text(self, texts: Sequence[str]) -> F32:
        """q texts -> (q, d), rows of unit norm."""
        ...


def encode_ensemble(model: TextEncoder, texts: Sequence[str], templates: Sequence[str] = TEMPLATES) -> F32:
    """Each text in several wordings, their unit vectors averaged -> (q, d), rows of unit norm."""
    rows = model.encode_text([template.format(text) for text in texts for template in templates])
    return unit(rows.reshape(len(texts), len(templates), rows.shape[1]).mean(axis=1))


def unit(rows: F32) -> F32:
    """Rows scaled to length 1."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)
