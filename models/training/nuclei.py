"""Kinds of nuclei from evidence for tissues."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
RIDGE = 10.0  # per look, on centred evidence


def fit_nuclei(looks: Sequence[F32], share: F32) -> F32:
    """Evidence (n, t) under several looks and shares of nuclei (n, k) of the tiles -> weights (k, t), by ridge.

    Evidence times weights is how far a kind's share lies from its mean, in SDs of that share.
    """
    x = np.concatenate([look - look.mean(axis=0) for look in looks]).astype(np.float64)
    y = np.concatenate([(share - share.mean(axis=0)) / np.maximum(share.std(axis=0), 1e-6)] * len(looks))
    gram = x.T @ x + RIDGE * len(looks) * np.eye(x.shape[1])
    return np.asarray(np.linalg.solve(gram, x.T @ y).T, np.float32)
