"""Tiles of spots to image embeddings: each tile is read once and encoded once, reading ahead of the encoder."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from models.protocols import F32, ImageEncoder, TilePlan
from tools.slide import Slide
from tools.spots import Spots

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, the units done and their total."""

BATCH_SPOTS = 32
READERS = 4
AHEAD = 3  # batches that are read while one is encoded


def embed_tiles(
    slide: Slide, spots: Spots, encoder: ImageEncoder, plan: TilePlan, progress: Progress | None = None
) -> F32:
    """Embeddings (n, k, d) float32 of all spots; k = 1 spot tile + its sub-tiles, row-major."""
    chunks = []
    for stop, chunk in iter_embeddings(slide, spots, encoder, plan):
        chunks.append(chunk)
        if progress:
            progress("embed tiles", stop, len(spots))
    return np.concatenate(chunks)


def iter_embeddings(
    slide: Slide, spots: Spots, encoder: ImageEncoder, plan: TilePlan, start: int = 0
) -> Iterator[tuple[int, F32]]:
    """Yield (row after the chunk, embeddings of the chunk (m, k, d)) from row `start` on, in order."""
    with ThreadPoolExecutor(READERS, thread_name_prefix="tile-reader") as pool:
        queue: list[tuple[int, list[Future[NDArray[np.uint8]]]]] = []
        rows = iter(range(start, len(spots)))
        while True:
            while len(queue) <= AHEAD and (batch := list(islice(rows, BATCH_SPOTS))):
                queue.append((batch[-1] + 1, [pool.submit(_read_tile, slide, spots, plan, row) for row in batch]))
            if not queue:
                return
            stop, futures = queue.pop(0)
            yield stop, _encode(np.stack([future.result() for future in futures]), encoder, plan)


def sub_tiles(tiles: NDArray[np.uint8], per_side: int) -> NDArray[np.uint8]:
    """(n, px, px, 3) -> (n * per_side**2, px // per_side, px // per_side, 3), row-major within a tile.

    A remainder at the right and lower edge is dropped, as DeepSpot does.
    """
    n, side = len(tiles), tiles.shape[1] // per_side
    used = tiles[:, : side * per_side, : side * per_side]
    blocks = used.reshape(n, per_side, side, per_side, side, 3).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n * per_side**2, side, side, 3)


def _read_tile(slide: Slide, spots: Spots, plan: TilePlan, row: int) -> NDArray[np.uint8]:
    l0_x, l0_y = spots.l0_xy[row]
    if plan.native:
        return slide.read_native(float(l0_x), float(l0_y), plan.tile_um or spots.spot_um)
    return slide.read_square(float(l0_x), float(l0_y), plan.tile_um or spots.spot_um, plan.tile_px)


def _encode(tiles: NDArray[np.uint8], encoder: ImageEncoder, plan: TilePlan) -> F32:
    whole = encoder.encode_image(tiles)[:, None]
    if plan.sub_grid == 0:
        return whole
    parts = encoder.encode_image(sub_tiles(tiles, plan.sub_grid))
    return np.concatenate([whole, parts.reshape(len(tiles), plan.sub_grid**2, -1)], axis=1)
