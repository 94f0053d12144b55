"""Colour maps of the overlay: 256 RGBA entries each, safe for the common colour-vision deficiencies."""

import numpy as np
from numpy.typing import NDArray

from tools.export.colours import between, category_rgb, ramp

MISSING = 255
LEVELS = 255  # codes 0..254 carry values, so that 127 is exactly the middle
MIDDLE = LEVELS // 2

# Further maps: after ColorBrewer's PuOr (Brewer 2003), after cividis (Nuñez, Anderton and Renslow 2018) and magma.
_OTHERS = {
    "purple-orange": "2d004b 542788 8073ac b2abd2 d8daeb f7f7f7 fee0b6 fdb863 e08214 b35806 7f3b08",
    "cividis": "00204d 00306f 2a406c 48526b 5e626e 727374 878479 9e9677 b6a971 d0be67 ffea46",
    "magma": "000004 180f3e 451077 721f81 9f2f7f cd4071 f1605d fd9567 fec98d fcfdbf",
}
DIVERGING, SEQUENTIAL = ("blue-red", "purple-orange"), ("viridis", "cividis", "magma")


def palettes() -> dict[str, NDArray[np.uint8]]:
    """Every map by name: diverging ones faint in the middle, sequential ones faint at the low end, categories solid."""
    found = {"blue-red": diverging(ramp("score", np.arange(LEVELS), 0, LEVELS - 1))}
    found["viridis"] = sequential(ramp("gene", np.arange(LEVELS), 0, LEVELS - 1))
    for name, anchors in _OTHERS.items():
        found[name] = (diverging if name in DIVERGING else sequential)(between(anchors, np.linspace(0, 1, LEVELS)))
    found["categories"] = _palette(np.array([category_rgb(i) for i in range(LEVELS)]), np.full(LEVELS, 0.92))
    return found


def diverging(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Entry MIDDLE is neutral and faint, so that tissue shows where nothing is said of it."""
    strength = np.abs(np.arange(LEVELS) - MIDDLE) / MIDDLE
    return _palette(rgb, 0.2 + 0.8 * strength**0.7)


def sequential(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Dark is low, bright is high; low values are fainter."""
    return _palette(rgb, np.linspace(0.55, 1.0, LEVELS))


def _palette(rgb: NDArray[np.integer], alpha: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(256, 4) RGBA; the last entry, for missing values, is fully transparent."""
    table = np.zeros((256, 4), dtype=np.uint8)
    table[:LEVELS, :3] = rgb
    table[:LEVELS, 3] = np.rint(255 * alpha)
    return table
