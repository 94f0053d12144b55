"""Colour maps of the overlay: 256 RGBA entries each, safe for the common colour-vision deficiencies."""

import numpy as np
from numpy.typing import NDArray

MISSING = 255
LEVELS = 255  # codes 0..254 carry values, so that 127 is exactly the middle
MIDDLE = LEVELS // 2

# Blue to red over near-white, after ColorBrewer's RdBu; more vivid at the ends, because they lie on pink tissue.
_DIVERGING = "053061 0f52a8 2f7fd0 7db8e8 cfe4f3 f7f7f7 fcd9c2 f4a27a e0583f be1226 67001f"
# Perceptually uniform dark to bright, after viridis.
_SEQUENTIAL = "440154 482475 414487 355f8d 2a788e 21918c 22a884 44bf70 7ad151 bddf26 fde725"


def _ramp(anchors: str) -> NDArray[np.float64]:
    """(LEVELS, 3) RGB in 0..255, interpolated between evenly spaced anchors."""
    rgb = np.array([[int(hexed[i : i + 2], 16) for i in (0, 2, 4)] for hexed in anchors.split()], dtype=np.float64)
    at = np.linspace(0, len(rgb) - 1, LEVELS)
    return np.stack([np.interp(at, np.arange(len(rgb)), rgb[:, channel]) for channel in range(3)], axis=1)


def _palette(rgb: NDArray[np.float64], alpha: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(256, 4) RGBA; the last entry, for missing values, is fully transparent."""
    table = np.zeros((256, 4), dtype=np.uint8)
    table[:LEVELS, :3] = np.rint(rgb)
    table[:LEVELS, 3] = np.rint(255 * alpha)
    return table


def diverging() -> NDArray[np.uint8]:
    """Blue below, red above; entry MIDDLE is neutral and faint, so that tissue shows where nothing is said of it."""
    strength = np.abs(np.arange(LEVELS) - MIDDLE) / MIDDLE
    return _palette(_ramp(_DIVERGING), 0.2 + 0.8 * strength**0.7)


def sequential() -> NDArray[np.uint8]:
    """Dark is low, bright is high; low values are fainter."""
    return _palette(_ramp(_SEQUENTIAL), np.linspace(0.55, 1.0, LEVELS))
