"""A linear projection of pooled features that keeps what a spot shows and drops what its stain and scanner add."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
RIDGE = 0.3


@dataclass(frozen=True)
class Projection:
    """features -> features @ weight.T + bias; `weight` (dim, w), `bias` (dim,)."""

    weight: F32
    bias: F32

    def __call__(self, features: F32) -> F32:
        """(..., w) -> (..., dim)."""
        return (features @ self.weight.T + self.bias).astype(np.float32)

    def beside(self, weight: F32, bias: F32) -> "Projection":
        """This projection with further outputs behind its own: `weight` (more, w), `bias` (more,)."""
        return Projection(np.concatenate([self.weight, weight]), np.concatenate([self.bias, bias]))


def fit_projection(looks: Sequence[Sequence[F32]], dim: int) -> Projection:
    """Directions whose variance between tiles is large against that between looks of one tile.

    `looks`: for each section its features (n, w) under several looks, rows in one order. Each direction is scaled by
    the share of its variance that survives a change of look, so that what is unstable counts little.
    """
    stacked = np.concatenate([np.concatenate(list(section)) for section in looks]).astype(np.float64)
    mean, scale = stacked.mean(axis=0), stacked.std(axis=0) + 1e-3
    total = np.cov(((stacked - mean) / scale).T)
    within = np.zeros_like(total)
    rows = 0
    for section in looks:
        views = (np.stack(list(section)).astype(np.float64) - mean) / scale
        residual = (views - views.mean(axis=0)).reshape(-1, len(mean))
        within += residual.T @ residual
        rows += len(residual) - len(views[0])
    within = within / max(rows, 1) + RIDGE * np.eye(len(mean))
    total += RIDGE * np.eye(len(mean))
    values, vectors = np.linalg.eigh(within)
    whiten = vectors / np.sqrt(values)
    ratio, directions = np.linalg.eigh(whiten.T @ total @ whiten)
    best = np.argsort(-ratio)[:dim]
    axes = whiten @ directions[:, best]
    spread = np.sqrt(np.einsum("ij,ik,kj->j", axes, total, axes))
    stable = np.clip(1 - 1 / ratio[best], 0.05, 1.0)
    weight = (axes * (stable / spread) / scale[:, None]).T
    return Projection(weight.astype(np.float32), (-weight @ mean).astype(np.float32))
