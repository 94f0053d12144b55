"""Scores to regions: connected groups of spots with a polygon and an area."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Region:
    """A connected piece of tissue, or the union of several.

    `spots` row numbers into the slide's spots; `polygons` one or more rings ((m, 2) x, y in level-0 px, not closed,
    holes left out); `area_um2` area of the spot cells; `query` the words it answers.
    """

    id: str
    query: str
    spots: NDArray[np.int64]
    polygons: tuple[NDArray[np.float64], ...]
    area_um2: float
