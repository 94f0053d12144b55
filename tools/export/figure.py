"""A map on the tissue as a picture for a paper: scale bar, legend, outlines with ids, what it rests on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from PIL import Image, ImageDraw

from tools.export.colours import category_rgb, ramp, value_range
from tools.export.layers import MapLayer
from tools.export.legend import INK, draw_legend, draw_scale_bar, font, wrapped
from tools.files import atomic
from tools.prepared import PreparedSlide
from tools.regions import Region, outline

DPI = 300
WIDTH_PX, LEGEND_PX, MARGIN_PX = 2000, 560, 40  # tissue at most 2000 px on its longer side: 17 cm at 300 dpi
OPACITY = {"score": 0.72, "gene": 0.72, "category": 0.62}


@dataclass(frozen=True)
class Frame:
    """The part of the slide that a picture shows, in level-0 px, and its scale in picture px per level-0 px."""

    l0_left: float
    l0_top: float
    l0_width: float
    l0_height: float
    scale: float

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the picture in px."""
        return max(1, round(self.l0_width * self.scale)), max(1, round(self.l0_height * self.scale))

    def picture_xy(self, l0_xy: np.ndarray) -> list[tuple[float, float]]:
        """Level-0 points to picture points."""
        moved = (np.asarray(l0_xy, np.float64) - (self.l0_left, self.l0_top)) * self.scale
        return [(float(x), float(y)) for x, y in moved]


def figure(
    slide: PreparedSlide,
    layer: MapLayer | None = None,
    regions: Iterable[Region] = (),
    caption: str = "",
    max_px: int = WIDTH_PX,
) -> Image.Image:
    """Tissue with a map over it, outlines, scale bar and legend, as an RGB image meant for 300 dpi.

    The tissue's longer side has at most `max_px` pixels; `caption` is written below, wrapped.
    """
    frame = _frame(slide, max_px)
    tissue = _tissue(slide, frame)
    if layer is not None:
        tissue = _coloured(tissue, slide, layer, frame)
    drawn = list(regions)
    tissue = _outlined(tissue, slide, drawn, frame)
    draw_scale_bar(tissue, slide.mpp / frame.scale)
    return _page(tissue, layer, drawn, caption)


def overview(slide: PreparedSlide, layer: MapLayer, max_px: int) -> Image.Image:
    """Tissue with a map over it and nothing else, its longer side `max_px`: a map at a glance."""
    frame = _frame(slide, max_px)
    return _coloured(_tissue(slide, frame), slide, layer, frame)


def write_png(
    path: Path,
    slide: PreparedSlide,
    layer: MapLayer | None = None,
    regions: Iterable[Region] = (),
    caption: str = "",
) -> Path:
    """Write `figure` as PNG with its resolution."""
    picture = figure(slide, layer, regions, caption)
    with atomic(path) as part:
        picture.save(part, format="PNG", dpi=(DPI, DPI))
    return path


def _frame(slide: PreparedSlide, max_px: int) -> Frame:
    """The spots with a margin, within the slide."""
    margin = 2 * slide.spots.pitch_um / slide.mpp
    low = np.maximum(slide.spots.l0_xy.min(axis=0) - margin, 0)
    high = np.minimum(slide.spots.l0_xy.max(axis=0) + margin, (slide.slide.width, slide.slide.height))
    width, height = (float(side) for side in high - low)
    return Frame(float(low[0]), float(low[1]), width, height, max_px / max(width, height))


def _tissue(slide: PreparedSlide, frame: Frame) -> Image.Image:
    """The tissue itself, a little paler so that colours stand out."""
    handle = slide.slide.handle
    level = handle.get_best_level_for_downsample(max(1.0, 1 / frame.scale))
    down = float(handle.level_downsamples[level])
    size = max(1, round(frame.l0_width / down)), max(1, round(frame.l0_height / down))
    pixels = slide.slide.read(round(frame.l0_left), round(frame.l0_top), level, *size)
    return Image.fromarray(pixels).resize(frame.size, Image.Resampling.LANCZOS)


def _coloured(tissue: Image.Image, slide: PreparedSlide, layer: MapLayer, frame: Frame) -> Image.Image:
    """Every spot filled with the colour of its value; spots without one stay clear."""
    low, high = value_range(layer.kind, layer.values)
    finite = np.isfinite(layer.values) & ((layer.kind != "category") | (np.asarray(layer.values) >= 0))
    if layer.kind == "category":
        rgb = np.array([category_rgb(int(v)) if ok else (0, 0, 0) for v, ok in zip(layer.values, finite, strict=True)])
    else:
        rgb = ramp(layer.kind, np.nan_to_num(layer.values), low, high)
    spots = slide.spots
    radius = min(spots.spot_um, spots.pitch_um) / 2 / spots.mpp * frame.scale
    colours, alpha = tissue.copy(), Image.new("L", tissue.size, 0)
    paint, mask = ImageDraw.Draw(colours), ImageDraw.Draw(alpha)
    for (x, y), shade, ok in zip(frame.picture_xy(spots.l0_xy), rgb, finite, strict=True):
        if ok:
            box = (x - radius, y - radius, x + radius, y + radius)
            paint.ellipse(box, fill=tuple(int(c) for c in shade))
            mask.ellipse(box, fill=round(255 * OPACITY[layer.kind]))
    return Image.composite(colours, tissue, alpha)


def _outlined(tissue: Image.Image, slide: PreparedSlide, regions: Sequence[Region], frame: Frame) -> Image.Image:
    """Outlines, dark on light so that they show on any colour, with the id of each region."""
    pen, width = ImageDraw.Draw(tissue), max(2, round(tissue.width / 500))
    for region in regions:
        for part in shapely.get_parts(outline(region.spots, slide.spots)):
            for ring in (part.exterior, *part.interiors):
                points = frame.picture_xy(np.asarray(ring.coords))
                pen.line(points, fill="white", width=2 * width, joint="curve")
                pen.line(points, fill="black", width=width, joint="curve")
    for region in regions:
        (x, y), *_ = frame.picture_xy(np.asarray(region.polygons[0]).mean(axis=0)[None])
        pen.text((x, y), region.id, fill="black", font=font(30), anchor="mm", stroke_width=4, stroke_fill="white")
    return tissue


def _page(tissue: Image.Image, layer: MapLayer | None, regions: Sequence[Region], caption: str) -> Image.Image:
    """Tissue left, legend right where there is something to explain, caption below."""
    legend = LEGEND_PX if layer is not None or regions else 0
    width = tissue.width + legend + (3 if legend else 2) * MARGIN_PX
    lines = wrapped(caption, width - 2 * MARGIN_PX, font(26)) if caption else []
    below = len(lines) * 36 + (MARGIN_PX if lines else 0)
    legend_height = 900 if legend else 0
    page = Image.new("RGB", (width, max(tissue.height, legend_height) + 2 * MARGIN_PX + below), "white")
    page.paste(tissue, (MARGIN_PX, MARGIN_PX))
    if legend:
        draw_legend(page, (tissue.width + 2 * MARGIN_PX, MARGIN_PX), legend, layer, regions)
    pen = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        pen.text((MARGIN_PX, page.height - below - MARGIN_PX // 2 + 36 * number), line, fill=INK, font=font(26))
    return page
