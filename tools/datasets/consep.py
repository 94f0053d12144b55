"""CoNSeP colorectal patches with nucleus counts (Graham et al. 2019, Apache-2.0), joined into spot-sized fields."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tools.datasets.sections import F32, U8, cut_square, read_rgb

MPP = 0.25
PATCH_PX = 256
OFFSETS_PX = (0, 256, 512, 744)  # patches per side of a 1000 px source image; the last overlaps by 24 px
# Order in the files: the 3 x 3 inner patches row-major, the bottom edge, the right edge, the corner.
ORDER = np.array([[0, 1, 2, 12], [3, 4, 5, 13], [6, 7, 8, 14], [9, 10, 11, 15]])
KINDS = ("other", "inflammatory", "epithelial", "spindle")


@dataclass(frozen=True)
class SourceImage:
    """One 250 um field: `patches` (16, 256, 256, 3) and `counts` (16, 4) nuclei per kind."""

    name: str
    patches: U8
    counts: F32


@dataclass(frozen=True)
class Fields:
    """2 x 2 patches as if they were spots of 112 um.

    `tiles` (n, px, px, 3); `counts` (n, 4) by kind; `source` (n,) name of the source image; `neighbours` (n, 8) rows,
    -1 where there is none.
    """

    tiles: U8
    counts: F32
    source: NDArray[np.str_]
    neighbours: NDArray[np.int64]


def read_sources(root: Path) -> list[SourceImage]:
    """Every source image with its sixteen patches."""
    table = pd.read_csv(root / "patch_labels.csv")
    sources = []
    for name, rows in table.groupby("source_image", sort=True):
        rows = rows.sort_values("patch_index")
        patches = np.stack([read_rgb(root / "images" / image) for image in rows["image"]])
        counts = rows[[f"n_{kind}" for kind in KINDS]].to_numpy(dtype=np.float32)
        sources.append(SourceImage(str(name), patches, counts))
    return sources


def mosaic(source: SourceImage) -> U8:
    """The source image put together again, (1000, 1000, 3)."""
    side = OFFSETS_PX[-1] + PATCH_PX
    whole = np.full((side, side, 3), 255, dtype=np.uint8)
    for (row, column), index in np.ndenumerate(ORDER):
        y, x = OFFSETS_PX[row], OFFSETS_PX[column]
        whole[y : y + PATCH_PX, x : x + PATCH_PX] = source.patches[index]
    return whole


def fields(sources: list[SourceImage], tile_um: float, tile_px: int) -> Fields:
    """Nine overlapping spot-sized fields per source image; neighbours are the fields that do not overlap it."""
    tiles, counts, names, rings = [], [], [], []
    side = len(OFFSETS_PX) - 1
    for number, source in enumerate(sources):
        whole, grid = mosaic(source), source.counts[ORDER]
        for row, column in np.ndindex(side, side):
            corner = np.array([OFFSETS_PX[column] + OFFSETS_PX[column + 1], OFFSETS_PX[row] + OFFSETS_PX[row + 1]])
            tiles.append(cut_square(whole, (corner + PATCH_PX) / 2, tile_um / MPP, tile_px))
            counts.append(grid[row : row + 2, column : column + 2].sum(axis=(0, 1)))
            names.append(source.name)
            far = [(r, c) for r, c in np.ndindex(side, side) if max(abs(r - row), abs(c - column)) == 2]
            ring = [number * side**2 + r * side + c for r, c in far]
            rings.append(ring + [-1] * (8 - len(ring)))
    return Fields(np.stack(tiles), np.stack(counts), np.array(names), np.array(rings, dtype=np.int64))
