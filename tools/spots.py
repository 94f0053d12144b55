"""Where the tissue is sampled: spots on a grid, in um, centred on tissue."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Layout = Literal["hex", "square", "given"]


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
