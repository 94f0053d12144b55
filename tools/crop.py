"""A closer look: the tissue of a region at the magnification that fits it, outlined, with a scale bar."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tools.export.legend import draw_scale_bar
from tools.prepared import PreparedSlide
from tools.regions import outline

MAX_PX, MIN_UM = 1024, 150.0
TWENTY_X_MPP = 0.5  # 20x is 0.5 um per pixel by convention


@dataclass(frozen=True)
class Crop:
    """A square piece of tissue: the picture, its um per pixel, its side in um, and its centre in level-0 px."""

    image: Image.Image
    mpp: float
    side_um: float
    l0_centre: tuple[float, float]

    @property
    def magnification(self) -> float:
        """Objective that shows this scale, by the convention that 20x is 0.5 um per pixel."""
        return 20 * TWENTY_X_MPP / self.mpp


def crop_region(slide: PreparedSlide, rows: NDArray[np.int64], max_px: int = MAX_PX) -> Crop:
    """The square around the spots `rows` with a margin, never finer than the slide itself."""
    spots = slide.spots
    low, high = spots.l0_xy[rows].min(axis=0), spots.l0_xy[rows].max(axis=0)
    side_um = max(float((high - low).max()) * spots.mpp + 2 * spots.pitch_um, MIN_UM)
    px = int(max(64, min(max_px, side_um // slide.mpp)))
    l0_x, l0_y = (float(v) for v in (low + high) / 2)
    picture = Image.fromarray(slide.slide.read_square(l0_x, l0_y, side_um, px))
    crop = Crop(picture, side_um / px, side_um, (l0_x, l0_y))
    _draw_outline(picture, outline(rows, spots), crop, slide.mpp)
    draw_scale_bar(picture, crop.mpp)
    return crop


def _draw_outline(picture: Image.Image, shape: shapely.Geometry, crop: Crop, l0_mpp: float) -> None:
    """The region's border in white on black."""
    pen, width = ImageDraw.Draw(picture), max(2, picture.width // 300)
    scale = l0_mpp / crop.mpp
    corner = np.asarray(crop.l0_centre) - crop.side_um / l0_mpp / 2
    for part in shapely.get_parts(shape):
        for ring in (part.exterior, *part.interiors):
            points = [(float(x), float(y)) for x, y in (np.asarray(ring.coords) - corner) * scale]
            pen.line(points, fill="black", width=2 * width)
            pen.line(points, fill="white", width=width)
