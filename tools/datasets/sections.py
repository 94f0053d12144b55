"""What every spatial data set is read into."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Section:
    """n spots of one tissue section with measured counts.

    `counts` (n, g) raw; `l0_xy` (n, 2) spot centres (x, y) in pixels of the image; `array_xy` (n, 2) grid position;
    `labels` (n,) pathologist's words, "" where none; `proportions` cell type -> (n,), NaN where unknown.
    """

    name: str
    patient: str
    ids: tuple[str, ...]
    genes: tuple[str, ...]
    counts: F32
    array_xy: NDArray[np.float64]
    l0_xy: NDArray[np.float64]
    labels: NDArray[np.str_]
    mpp: float
    pitch_um: float
    image_path: Path | None = None
    proportions: dict[str, F32] = field(default_factory=dict)

    def columns(self, genes: tuple[str, ...]) -> NDArray[np.int64]:
        """Column of each gene; KeyError for a gene that was not measured."""
        where = {gene: j for j, gene in enumerate(self.genes)}
        return np.array([where[gene] for gene in genes], dtype=np.int64)


def log1p_cp10k(counts: F32) -> F32:
    """(n, g) raw counts over ALL genes of the section -> log1p of counts per 10,000."""
    depth = np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    return np.asarray(np.log1p(counts / depth * 1e4), np.float32)


def read_rgb(path: Path) -> U8:
    """A whole image as (h, w, 3) uint8."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def cut_square(rgb: U8, l0_xy: NDArray[np.float64], side_l0: float, px: int) -> U8:
    """Square of `side_l0` image pixels around a centre, white outside, resampled to (px, px, 3)."""
    height, width = rgb.shape[:2]
    left, top = l0_xy[0] - side_l0 / 2, l0_xy[1] - side_l0 / 2
    x0, y0 = int(np.floor(left)), int(np.floor(top))
    x1, y1 = int(np.ceil(left + side_l0)) + 1, int(np.ceil(top + side_l0)) + 1
    patch = np.full((y1 - y0, x1 - x0, 3), 255, dtype=np.uint8)
    inside = (slice(max(y0, 0), min(y1, height)), slice(max(x0, 0), min(x1, width)))
    if inside[0].start < inside[0].stop and inside[1].start < inside[1].stop:
        part = rgb[inside]
        row, column = inside[0].start - y0, inside[1].start - x0
        patch[row : row + part.shape[0], column : column + part.shape[1]] = part
    box = (left - x0, top - y0, left - x0 + side_l0, top - y0 + side_l0)
    resampled = Image.fromarray(patch).resize((px, px), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)
    return np.asarray(resampled)
