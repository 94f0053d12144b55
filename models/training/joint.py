"""Fitting the joint space: signatures to a common basis, sentence embeddings to their coordinates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.training.signatures import unit

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class JointFit:
    """`basis` (d, g) orthonormal rows; `codes` (t, d) unit coordinates of each text; `text_map` (w, d), `text_mean` (w,)."""

    basis: F32
    codes: F32
    text_map: F32
    text_mean: F32


def fit_joint(signatures: F32, rows: NDArray[np.int64], embeddings: F32, weights: F32, dim: int, penalty: float = 5.0) -> JointFit:
    """Rank-`dim` basis of the signatures (n, g), then closed-form ridge from text to coordinates.

    `rows` (t,) names the signature that each text (t, w) stands for; `weights` (t,).
    """
    share = np.zeros(len(signatures))
    np.add.at(share, rows, weights)
    _, _, basis = np.linalg.svd(np.sqrt(share)[:, None] * signatures, full_matrices=False)
    basis = basis[:dim].astype(np.float32)
    codes = unit(signatures @ basis.T)[rows]
    mean = np.average(embeddings, axis=0, weights=weights)
    centred = embeddings - mean
    weighted = centred * weights[:, None]
    gram = weighted.T @ centred + penalty * np.eye(centred.shape[1])
    text_map = np.linalg.solve(gram, weighted.T @ codes)
    return JointFit(basis, codes, text_map.astype(np.float32), mean.astype(np.float32))
