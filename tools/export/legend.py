"""Scale bar and legend of a figure."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tools.export.colours import category_rgb, ramp, value_range
from tools.export.layers import MapLayer
from tools.regions import Region

INK = (25, 25, 25)
UNITS = {"score": "SD above unrelated phrases", "gene": "log1p CP10K"}
MOST_ROWS = 16


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that Pillow brings, at a size in px."""
    return ImageFont.load_default(size)


def wrapped(text: str, width: int, face: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> list[str]:
    """`text` in lines of at most `width` px."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and face.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def bar_um(width_um: float) -> float:
    """Length of a scale bar: 1, 2 or 5 times a power of ten, about a fifth of the width."""
    wanted = width_um / 5
    power = 10.0 ** math.floor(math.log10(wanted))
    return max(step * power for step in (1, 2, 5) if step * power <= wanted)


def draw_scale_bar(picture: Image.Image, um_per_px: float) -> None:
    """A bar with its length at the lower left of `picture`."""
    length = bar_um(picture.width * um_per_px)
    px, edge = round(length / um_per_px), max(12, picture.width // 60)
    words = f"{length / 1000:g} mm" if length >= 1000 else f"{length:g} um"
    pen, face = ImageDraw.Draw(picture), font(max(18, picture.width // 55))
    bottom, thick = picture.height - edge, max(6, picture.width // 200)
    pen.rectangle((edge - 6, bottom - thick - 52, edge + px + 6, bottom + 6), fill="white")
    pen.rectangle((edge, bottom - thick, edge + px, bottom), fill="black")
    pen.text((edge + px / 2, bottom - thick - 8), words, fill="black", font=face, anchor="mb")


def draw_legend(
    page: Image.Image, corner: tuple[int, int], width: int, layer: MapLayer | None, regions: Sequence[Region]
) -> None:
    """Colours of the layer, then the regions with their areas, from `corner` down."""
    pen, (x, y) = ImageDraw.Draw(page), corner
    if layer is not None:
        for line in wrapped(layer.title, width, font(36)):
            pen.text((x, y), line, fill=INK, font=font(36))
            y += 44
        y = _categories(pen, x, y, layer) if layer.kind == "category" else _bar(page, x, y, layer)
    for query in list(dict.fromkeys(region.query for region in regions))[:MOST_ROWS]:
        same = [region for region in regions if region.query == query]
        area = sum(region.area_um2 for region in same) / 1e6
        ids = same[0].id if len(same) == 1 else f"{same[0].id} - {same[-1].id}"
        for line in wrapped(f"{ids}: {query}, {area:.3g} mm2", width, font(28)):
            pen.text((x, y), line, fill=INK, font=font(28))
            y += 36


def _bar(page: Image.Image, x: int, y: int, layer: MapLayer) -> int:
    low, high = value_range(layer.kind, layer.values)
    height, thick = 420, 60
    shades = ramp(layer.kind, np.linspace(high, low, height), low, high)
    page.paste(Image.fromarray(np.repeat(shades[:, None], thick, axis=1)), (x, y + 16))
    pen = ImageDraw.Draw(page)
    pen.rectangle((x, y + 16, x + thick, y + 16 + height), outline=INK, width=2)
    for share, value in ((0.0, high), (0.5, (low + high) / 2), (1.0, low)):
        at = y + 16 + share * height
        pen.line((x + thick, at, x + thick + 12, at), fill=INK, width=2)
        pen.text((x + thick + 20, at), f"{value:.2f}", fill=INK, font=font(28), anchor="lm")
    pen.text((x, y + height + 30), UNITS[layer.kind], fill=INK, font=font(26))
    return y + height + 90


def _categories(pen: ImageDraw.ImageDraw, x: int, y: int, layer: MapLayer) -> int:
    y += 12
    for number, label in enumerate(layer.labels[:MOST_ROWS]):
        share = float(np.mean(np.asarray(layer.values) == number))
        pen.rectangle((x, y, x + 34, y + 28), fill=category_rgb(number), outline=INK)
        for line in wrapped(f"{label} ({100 * share:.0f} %)", 500, font(26)):
            pen.text((x + 48, y), line, fill=INK, font=font(26))
            y += 34
        y += 6
    return y + 30
