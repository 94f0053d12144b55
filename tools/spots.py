"""Where the tissue is sampled: spots on a grid, in um, centred on tissue."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tools.errors import SlideError
from tools.slide import Slide
from tools.tissue import MASK_UM, tissue_mask

Layout = Literal["hex", "square", "given"]
PITCH_UM, FINE_PITCH_UM, ENOUGH_SPOTS = 100.0, 50.0, 300


@dataclass(frozen=True)
class Spots:
    """n spots of one slide.

    `l0_xy` (n, 2) float64: centres (x, y) = (column, row) in level-0 pixels; `array_row`, `array_col` (n,) integers as
    in Visium (hex: neighbours in a row differ by 2 in `array_col`); `spot_um` diameter, `pitch_um` centre-to-centre
    distance; `tissue_um2` area of the tissue mask, None where spots were given.
    """

    ids: tuple[str, ...]
    l0_xy: NDArray[np.float64]
    array_row: NDArray[np.int64]
    array_col: NDArray[np.int64]
    spot_um: float
    pitch_um: float
    layout: Layout
    mpp: float
    tissue_um2: float | None = None

    def __len__(self) -> int:
        """Number of spots."""
        return len(self.ids)

    @property
    def cell_um2(self) -> float:
        """Tissue that one spot stands for: the area of its grid cell."""
        return self.pitch_um**2 * (1.0 if self.layout == "square" else math.sqrt(3) / 2)


def spot_grid(
    slide: Slide, spot_um: float = 55.0, pitch_um: float | None = None, layout: Literal["hex", "square"] = "hex"
) -> Spots:
    """Grid of spots whose disc lies at least half on tissue.

    `pitch_um` None takes 100 um as Visium does, or 50 um on a specimen so small that this would give few spots.
    Raises SlideError: no tissue, slide smaller than a spot, MppNeeded.
    """
    _check_um(spot_um, pitch_um)
    if min(slide.width, slide.height) * slide.scale < spot_um:
        raise SlideError(
            f"{slide.path.name} is {slide.width} x {slide.height} px at {slide.scale:g} um/px: "
            f"smaller than one spot of {spot_um:g} um."
        )
    mask, um_per_px, grey = _mask(slide)
    tissue_um2 = float(mask.sum()) * um_per_px**2
    if not mask.any() and grey:
        raise SlideError(f"{slide.path.name} is greyscale; an H&E image in colour (RGB) is expected.")
    if not mask.any():
        raise SlideError(f"No tissue was found on {slide.path.name}: it looks blank.")
    for pitch in (pitch_um,) if pitch_um else (PITCH_UM, FINE_PITCH_UM):
        row, col, um_xy = _lattice(slide, spot_um, pitch, layout)
        keep = _tissue_fraction(mask, um_per_px, um_xy, spot_um) >= 0.5
        if keep.sum() >= ENOUGH_SPOTS:
            break
    if not keep.any():
        raise SlideError(f"No spot of {spot_um:g} um lies on tissue of {slide.path.name}: the tissue is too small.")
    row, col, um_xy = row[keep], col[keep], um_xy[keep]
    ids = tuple(f"{r}x{c}" for r, c in zip(row, col, strict=True))
    return Spots(ids, um_xy / slide.scale, row, col, spot_um, pitch, layout, slide.scale, tissue_um2)


def tissue_share(slide: Slide, l0_xy: NDArray[np.float64]) -> float:
    """Share of the points (n, 2) of a slide whose mpp is known that lie on its tissue."""
    mask, um_per_px, _ = _mask(slide)
    x, y = np.floor(l0_xy * (slide.scale / um_per_px)).astype(np.int64).T
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    return float(mask[y[inside], x[inside]].sum() / max(len(l0_xy), 1))


def _check_um(spot_um: float, pitch_um: float | None) -> None:
    if not 5 <= spot_um <= 1000:
        raise SlideError(f"A spot of {spot_um:g} um is not plausible; expected 5 to 1000.")
    if pitch_um is not None and not 5 <= pitch_um <= 2000:
        raise SlideError(f"A pitch of {pitch_um:g} um is not plausible; expected 5 to 2000.")


def _mask(slide: Slide) -> tuple[NDArray[np.bool_], float, bool]:
    """Tissue mask of the slide, the side of its pixels in um, and whether it shows something without any colour."""
    l0_long = max(slide.width, slide.height)
    thumb = slide.thumbnail(max(1, min(l0_long, round(l0_long * slide.scale / MASK_UM))))
    um_per_px = l0_long * slide.scale / max(thumb.shape[:2])
    grey = int(np.ptp(thumb)) > 32 and int(np.ptp(thumb, axis=-1).max()) <= 2
    return tissue_mask(thumb, um_per_px), um_per_px, grey


def _lattice(
    slide: Slide, spot_um: float, pitch_um: float, layout: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """array_row, array_col and centres in um (x, y) of every spot that lies whole on the slide."""
    width, height, radius = slide.width * slide.scale, slide.height * slide.scale, spot_um / 2
    hexagonal = layout == "hex"
    dy, dx = (pitch_um * math.sqrt(3) / 2, pitch_um / 2) if hexagonal else (pitch_um, pitch_um)
    rows = np.arange(int((height - spot_um) / dy) + 1)
    cols = np.arange(int((width - spot_um) / dx) + 1)
    row, col = (grid.ravel() for grid in np.meshgrid(rows, cols, indexing="ij"))
    if hexagonal:
        staggered = (row + col) % 2 == 0
        row, col = row[staggered], col[staggered]
    um_xy = np.stack([radius + col * dx, radius + row * dy], axis=1)
    return row.astype(np.int64), col.astype(np.int64), um_xy


def _tissue_fraction(
    mask: NDArray[np.bool_], um_per_px: float, um_xy: NDArray[np.float64], spot_um: float
) -> NDArray[np.float64]:
    """Share of tissue in the square around each spot."""
    side = max(1, round(spot_um / um_per_px))
    density = ndimage.uniform_filter(mask.astype(np.float64), side, mode="constant")
    mask_xy = np.floor(um_xy / um_per_px).astype(np.int64)
    x = mask_xy[:, 0].clip(0, mask.shape[1] - 1)
    y = mask_xy[:, 1].clip(0, mask.shape[0] - 1)
    return np.asarray(density[y, x])
