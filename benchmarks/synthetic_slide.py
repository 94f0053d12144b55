"""Large slides that are made in seconds: a pyramid of JPEG tiles, a few of them written again and again.

Tissue is a disc of purple and pink texture on glass; OpenSlide reads the file as a generic tiled TIFF.
"""

from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

TILE = 256
KINDS = 24  # different tiles of tissue
GLASS = (244, 243, 245)


def textures() -> list[bytes]:
    """JPEG tiles: glass first, then tissue of several colours with dots of the size of nuclei."""
    rng = np.random.default_rng(0)
    made = [np.full((TILE, TILE, 3), GLASS, np.uint8)]
    for kind in range(KINDS):
        colour = np.array((150, 90, 165) if kind % 2 else (225, 150, 190), np.float32)
        noise = rng.normal(0, 14, (TILE, TILE, 3)).astype(np.float32)
        tile = colour + noise + 12 * np.sin(np.arange(TILE) / (9 + kind))[:, None, None]
        for y, x in rng.integers(0, TILE - 12, (40 + 4 * kind, 2)):
            tile[y : y + 10, x : x + 10] = (80, 50, 120)
        made.append(tile.clip(0, 255).astype(np.uint8))
    return [imagecodecs.jpeg_encode(tile, level=80, colorspace="rgb", outcolorspace="ycbcr") for tile in made]


def write_pyramid(path: Path, side_px: int, um_per_px: float, tissue: float = 0.93, levels: int = 5) -> None:
    """A square slide of `side_px`, each level half the one before; `tissue` is the disc's share of the side."""
    tiles = textures()
    per_cm = 10_000 / um_per_px
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for level in range(levels):
            side = side_px // 2**level
            tiff.write(
                _tiles(tiles, side, tissue),
                shape=(side, side, 3),
                dtype=np.uint8,
                tile=(TILE, TILE),
                photometric="ycbcr",
                compression="jpeg",
                subsampling=(2, 2),
                subfiletype=int(level > 0),
                resolution=(per_cm / 2**level, per_cm / 2**level),
                resolutionunit="CENTIMETER",
            )


def _tiles(tiles: list[bytes], side: int, tissue: float) -> Iterator[bytes]:
    kinds = tile_kinds(side, tissue)
    for kind in kinds.ravel():
        yield tiles[kind]


def tile_kinds(side: int, tissue: float) -> NDArray[np.int64]:
    """Which tile is written where; 0 is glass."""
    across = -(-side // TILE)
    rng = np.random.default_rng(across)
    at = (np.arange(across) + 0.5) * TILE / side - 0.5
    inside = at[:, None] ** 2 + at[None] ** 2 < (tissue / 2) ** 2
    return np.where(inside, rng.integers(1, KINDS + 1, (across, across)), 0)
