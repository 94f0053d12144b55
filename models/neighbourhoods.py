"""A slide's spots in parts that bring their neighbours along."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from models.protocols import F32, Rows

ROWS_AT_ONCE = 2048


def with_neighbours(
    embeddings: Rows, neighbours: NDArray[np.int64], step: int = ROWS_AT_ONCE
) -> Iterator[tuple[F32, NDArray[np.int64], int]]:
    """Yield (embeddings (m, k, d), neighbours (m, j) as rows of these, wanted): the first `wanted` rows are the part.

    What follows them are neighbours from other parts, whose own neighbours are not there. Parts follow each other in
    the order of the rows; each reads only the stretches of rows that it needs.
    """
    for start in range(0, len(embeddings), step):
        stop = min(start + step, len(embeddings))
        near = neighbours[start:stop]
        outside = np.unique(near[(near >= 0) & ((near < start) | (near >= stop))])
        rows = np.concatenate([np.arange(start, stop), outside])
        order = np.argsort(rows)
        place = order[np.searchsorted(rows, near.clip(0), sorter=order).clip(max=len(rows) - 1)]
        local = np.full((len(rows), near.shape[1]), -1, np.int64)
        local[: stop - start] = np.where(near >= 0, place, -1)
        parts = [embeddings[start:stop], *_stretches(embeddings, outside)]
        yield np.concatenate([np.asarray(part, np.float32) for part in parts]), local, stop - start


def _stretches(embeddings: Rows, rows: NDArray[np.int64]) -> Iterator[F32]:
    """Those rows, each run of consecutive ones by one slice."""
    for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
        if len(run):
            yield embeddings[int(run[0]) : int(run[-1]) + 1]
