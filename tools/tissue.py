"""Where there is tissue: coloured pixels, without ink and without the scanner's black."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

MASK_UM = 8.0  # side of a mask pixel
SATURATION_RANGE = (0.07, 0.20)  # the threshold is kept here: Otsu alone finds "tissue" on blank glass
MIN_AREA_UM2 = 5_000.0


def tissue_mask(thumb: NDArray[np.uint8], um_per_px: float) -> NDArray[np.bool_]:
    """Tissue of a thumbnail (h, w, 3): saturation above Otsu's threshold (Otsu 1979), specks removed, pores closed.

    Pixels whose green exceeds their red are ink or dye, never H&E; nearly black ones are the scanner's border.
    """
    rgb = thumb.astype(np.float32)
    top, bottom = rgb.max(axis=-1), rgb.min(axis=-1)
    saturation = ndimage.gaussian_filter((top - bottom) / np.maximum(top, 1.0), 8.0 / um_per_px / 2)
    threshold = float(np.clip(otsu(saturation.ravel()), *SATURATION_RANGE))
    ink = rgb[..., 1] > rgb[..., 0] + 8
    mask = (saturation > threshold) & ~ink & (top > 40)
    mask = ndimage.binary_closing(mask, iterations=max(1, round(12 / um_per_px)))
    return _without_specks(mask, MIN_AREA_UM2 / um_per_px**2)


def otsu(values: NDArray[np.floating]) -> float:
    """Threshold that maximises the variance between two classes (Otsu 1979); the value itself if all are equal."""
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return low
    counts, edges = np.histogram(values, bins=256, range=(low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    weight = np.cumsum(counts)
    mass = np.cumsum(counts * centres)
    rest = weight[-1] - weight
    with np.errstate(divide="ignore", invalid="ignore"):
        between = weight * rest * (mass / weight - (mass[-1] - mass) / rest) ** 2
    return float(centres[int(np.nanargmax(between))])


def _without_specks(mask: NDArray[np.bool_], min_px: float) -> NDArray[np.bool_]:
    labels, count = ndimage.label(mask)
    if not count:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= min_px)[labels], bool)
