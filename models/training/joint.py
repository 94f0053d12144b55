"""Fitting the joint space: signatures to a common basis, sentence embeddings to their coordinates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.training.signatures import unit

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class JointFit:
    """`basis` (d, g) orthonormal rows; `codes` (t, d) unit rows of the texts; `text_map` (w, d), `text_mean` (w,)."""

    basis: F32
    codes: F32
    text_map: F32
    text_mean: F32


def knowledge_basis(signatures: F32, rows: NDArray[np.int64], weights: F32, dim: int, seed: int) -> F32:
    """The `dim` principal directions (dim, g) of signatures (n, g), each weighted by the texts (t,) that name it."""
    share = np.zeros(len(signatures), np.float32)
    np.add.at(share, rows, weights)
    weighted = np.sqrt(share)[:, None] * signatures
    rng = np.random.default_rng(seed)
    sketch = weighted.T @ (weighted @ rng.standard_normal((weighted.shape[1], dim + 32)).astype(np.float32))
    for _ in range(2):
        sketch = weighted.T @ (weighted @ np.linalg.qr(sketch)[0])
    frame = np.linalg.qr(sketch)[0]
    _, _, inner = np.linalg.svd(weighted @ frame, full_matrices=False)
    return np.ascontiguousarray(inner[:dim] @ frame.T, np.float32)


def fit_joint(
    signatures: F32, rows: NDArray[np.int64], embeddings: F32, weights: F32, basis: F32, penalty: float = 5.0
) -> JointFit:
    """Closed-form ridge from text to coordinates in `basis` (d, g).

    `rows` (t,) names the signature that each text (t, w) stands for; `weights` (t,).
    """
    codes = unit(signatures @ basis.T)[rows]
    mean = np.average(embeddings, axis=0, weights=weights)
    centred = embeddings - mean
    weighted = centred * weights[:, None]
    gram = weighted.T @ centred + penalty * np.eye(centred.shape[1])
    text_map = np.linalg.solve(gram, weighted.T @ codes)
    return JointFit(basis, codes, text_map.astype(np.float32), mean.astype(np.float32))
