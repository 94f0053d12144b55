"""Vectors to two dimensions for a plot."""

import warnings

import numpy as np
from numpy.typing import NDArray

from models.protocols import F32

LEAST_ROWS = 4  # fewer have no neighbourhood


def embed_2d(x: F32, seed: int = 0) -> NDArray[np.float32]:
    """UMAP (McInnes, Healy and Melville 2018) of vectors (n, d) by cosine distance -> (n, 2), reproducible by `seed`.

    Distances between far groups mean nothing in it. Raises ValueError for fewer than 4 rows. The library is compiled on
    first use (some 20 s), so it is imported here.
    """
    if len(x) < LEAST_ROWS:
        raise ValueError(f"UMAP needs at least {LEAST_ROWS} rows; {len(x)} were given.")
    with warnings.catch_warnings():  # numba and pynndescent warn about themselves, and about one thread with a seed
        warnings.simplefilter("ignore")
        from umap import UMAP

        neighbours = min(15, len(x) - 1)
        init = "spectral" if len(x) > neighbours + 2 else "random"
        fitted = UMAP(n_neighbors=neighbours, min_dist=0.1, metric="cosine", init=init, random_state=seed, n_jobs=1)
        return np.asarray(fitted.fit_transform(np.asarray(x, np.float32)), np.float32)
