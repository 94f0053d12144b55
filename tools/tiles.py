"""Tiles of spots to image embeddings: each tile is read once and encoded once, reading ahead of the encoder."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from models.protocols import F32, Adaptive, ImageEncoder, TilePlan
from tools.slide import Slide
from tools.spots import Spots
from tools.tile_cache import Known

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, the units done and their total."""

BATCH_SPOTS = 32  # that are read for an encoder which does not say how many it takes
MOST_SPOTS = 512
READERS = max(2, min(16, os.cpu_count() or 2))  # OpenSlide and Pillow let go of Python's lock while they work
AHEAD = 3  # batches that are read while one is encoded


def embed_tiles(
    slide: Slide,
    spots: Spots,
    encoder: ImageEncoder,
    plan: TilePlan,
    progress: Progress | None = None,
    known: Known | None = None,
) -> F32:
    """Embeddings (n, k, d) float32 of all spots; k = 1 spot tile + its sub-tiles, row-major."""
    chunks = []
    for stop, chunk in iter_embeddings(slide, spots, encoder, plan, known=known):
        chunks.append(chunk)
        if progress:
            progress("embed tiles", stop, len(spots))
    return np.concatenate(chunks)


def iter_embeddings(
    slide: Slide,
    spots: Spots,
    encoder: ImageEncoder,
    plan: TilePlan,
    start: int = 0,
    known: Known | None = None,
) -> Iterator[tuple[int, F32]]:
    """Yield (row after the chunk, embeddings of the chunk (m, k, d)) from row `start` on, in order.

    Rows that are `known` are neither read nor encoded.
    """
    here = np.zeros(len(spots), bool) if known is None else known.here
    rows, size = iter(range(start, len(spots))), batch_spots(encoder, plan)
    with (
        slide.sharing_decoded(plan.tile_um or spots.spot_um, plan.tile_px),
        ThreadPoolExecutor(READERS, thread_name_prefix="tile-reader") as pool,
    ):
        queue: list[tuple[list[int], list[Future[NDArray[np.uint8]]]]] = []
        while True:
            while len(queue) <= AHEAD and (batch := list(islice(rows, size))):
                new = [row for row in batch if not here[row]]
                queue.append((batch, [pool.submit(read_tile, slide, spots, plan, row) for row in new]))
            if not queue:
                return
            batch, futures = queue.pop(0)
            tiles = [future.result() for future in futures]
            found = _encode(np.stack(tiles), encoder, plan) if tiles else None
            yield batch[-1] + 1, _merged(batch, found, known)


def batch_spots(encoder: ImageEncoder, plan: TilePlan) -> int:
    """Spots that are read and encoded together: as many tiles as the encoder takes at once, within bounds."""
    if not isinstance(encoder, Adaptive):
        return BATCH_SPOTS
    return min(max(encoder.tiles_at_once(plan.tile_px), BATCH_SPOTS), MOST_SPOTS)


def _merged(batch: list[int], found: F32 | None, known: Known | None) -> F32:
    """Rows of a batch: those that were known, and what was `found` for the others."""
    rows = np.array(batch)
    here = np.zeros(len(rows), bool) if known is None else known.here[rows]
    if known is None or not here.any():
        assert found is not None
        return found
    old = known.read(rows[here])
    out = np.empty((len(rows), *old.shape[1:]), np.float32)
    out[here] = old
    if found is not None:
        out[~here] = found
    return out


def sub_tiles(tiles: NDArray[np.uint8], per_side: int) -> NDArray[np.uint8]:
    """(n, px, px, 3) -> (n * per_side**2, px // per_side, px // per_side, 3), row-major within a tile.

    A remainder at the right and lower edge is dropped, as DeepSpot does.
    """
    n, side = len(tiles), tiles.shape[1] // per_side
    used = tiles[:, : side * per_side, : side * per_side]
    blocks = used.reshape(n, per_side, side, per_side, side, 3).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n * per_side**2, side, side, 3)


def read_tile(slide: Slide, spots: Spots, plan: TilePlan, row: int) -> NDArray[np.uint8]:
    """The tile of one spot (px, px, 3), as the plan cuts it."""
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
