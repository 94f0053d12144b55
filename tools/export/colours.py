"""Colours of figures and exports, safe for the common colour-vision deficiencies."""

import numpy as np
from numpy.typing import NDArray

Rgb = tuple[int, int, int]

_DIVERGING = "053061 0f52a8 2f7fd0 7db8e8 cfe4f3 f7f7f7 fcd9c2 f4a27a e0583f be1226 67001f"  # after ColorBrewer's RdBu
_SEQUENTIAL = "440154 482475 414487 355f8d 2a788e 21918c 22a884 44bf70 7ad151 bddf26 fde725"  # after viridis
# Okabe and Ito (2008) without black, then lighter and darker shades of the same hues.
_CATEGORIES = "0072b2 d55e00 009e73 cc79a7 e69f00 56b4e9 f0e442 7a4ea3 8c510a 003f5c 9ad1b7 f4a6b8 666666"


def _rgb(hexed: str) -> Rgb:
    return (int(hexed[:2], 16), int(hexed[2:4], 16), int(hexed[4:], 16))


def category_rgb(number: int) -> Rgb:
    """Colour of category `number`; they repeat after 13."""
    names = _CATEGORIES.split()
    return _rgb(names[number % len(names)])


def ramp(kind: str, values: NDArray[np.floating], low: float, high: float) -> NDArray[np.uint8]:
    """(n,) values between `low` and `high` to (n, 3) RGB: diverging for scores, sequential for genes."""
    share = np.clip((np.asarray(values, np.float64) - low) / max(high - low, 1e-9), 0, 1)
    return between(_DIVERGING if kind == "score" else _SEQUENTIAL, share)


def between(anchors: str, share: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(n,) shares in [0, 1] to (n, 3) RGB, interpolated between evenly spaced `anchors`, hex with blanks between."""
    rgb = np.array([_rgb(hexed) for hexed in anchors.split()], np.float64)
    channels = [np.interp(share * (len(rgb) - 1), np.arange(len(rgb)), rgb[:, c]) for c in range(3)]
    colours: NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colours


def value_range(kind: str, values: NDArray[np.floating]) -> tuple[float, float]:
    """Ends of the colour scale: scores symmetric about 0, genes from their low to their high percentile."""
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return (-1.0, 1.0) if kind == "score" else (0.0, 1.0)
    if kind == "score":
        reach = max(float(np.percentile(np.abs(finite), 99)), 1.0)
        return -reach, reach
    low, high = (float(edge) for edge in np.percentile(finite, [1, 99]))
    return (low, high) if high > low else (low, low + 1.0)
