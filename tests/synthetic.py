"""Slides that tests make: an image in the colours of H&E with a known plan."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PURPLE, PINK, GLASS = (110, 70, 140), (225, 130, 170), (243, 243, 244)
WIDTH, HEIGHT, MPP = 1200, 800, 1.0  # not square, so that a swapped axis shows


def he_pixels() -> NDArray[np.uint8]:
    """(800, 1200, 3): glass, with epithelium-like purple tissue left (x 150-500) and stroma-like pink (x 500-1000)."""
    rng = np.random.default_rng(3)
    pixels = np.full((HEIGHT, WIDTH, 3), GLASS, np.int16)
    pixels[100:700, 150:500] = PURPLE
    pixels[100:700, 500:1000] = PINK
    nuclei = rng.random((HEIGHT, WIDTH)) < 0.04
    nuclei[:, 500:] &= rng.random((HEIGHT, WIDTH - 500)) < 0.15
    tissue = np.zeros((HEIGHT, WIDTH), bool)
    tissue[100:700, 150:1000] = True
    pixels[nuclei & tissue] = (60, 30, 100)
    pixels[tissue] += rng.integers(-8, 9, (int(tissue.sum()), 3), dtype=np.int16)
    return pixels.clip(0, 255).astype(np.uint8)


def write_he_png(path: Path) -> Path:
    """The synthetic slide as PNG, which stores no mpp (it is 1.0)."""
    Image.fromarray(he_pixels()).save(path)
    return path
