"""The door to OpenSlide: any slide or plain image as level-0 pixels with a known scale.

Planes: `l0_` level-0 pixels; `level_` pixels of the level that is read; `um` microns.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import openslide
from numpy.typing import NDArray
from openslide.deepzoom import DeepZoomGenerator
from PIL import Image

from tools.errors import MppNeeded, SlideError
from tools.flat_image import ArraySlide, read_flat_image, unreadable
from tools.header_claims import objective_power, refuse_bombs

U8 = NDArray[np.uint8]
MPP_RANGE = (0.02, 30.0)  # um/px; outside, a stored value is a screen resolution or a mistake
TILE_PX = 254
SAME_PX = 1.0  # by how many of its pixels a tile's side may differ from whole pixels of its level and be cut there
STRIP_PX = 32 << 20  # pixels that are held at once while a thumbnail is made
CACHE_BYTES = (32 << 20, 384 << 20)  # OpenSlide's own cache of decoded tiles, and the most that it is widened to
SLIDE_SUFFIXES = (".svs", ".ndpi", ".scn", ".bif", ".mrxs", ".svslide", ".vms", ".vmu", ".dcm", ".czi")


@dataclass(frozen=True)
class Slide:
    """An open slide. `mpp` is None where the file does not say and nobody did."""

    path: Path
    mpp: float | None
    objective: float | None
    vendor: str
    handle: Any

    @property
    def name(self) -> str:
        """File name without its ending."""
        return self.path.stem

    @property
    def width(self) -> int:
        """Columns of level 0."""
        return int(self.handle.dimensions[0])

    @property
    def height(self) -> int:
        """Rows of level 0."""
        return int(self.handle.dimensions[1])

    @property
    def scale(self) -> float:
        """Microns per level-0 pixel; raises MppNeeded where it is unknown."""
        if self.mpp is None:
            raise MppNeeded(
                f"{self.path.name} does not store its pixel size. How many microns is one pixel? "
                "Give it as mpp (for example --mpp 0.5 for a 20x scan, --mpp 0.25 for 40x)."
            )
        return self.mpp

    def read(self, l0_x: int, l0_y: int, level: int, width: int, height: int) -> U8:
        """Region whose upper left corner is (l0_x, l0_y), `width` x `height` pixels of `level`: (height, width, 3).

        What lies outside the slide is white. Raises SlideError where the file is damaged.
        """
        return np.asarray(self._region(l0_x, l0_y, level, width, height))

    def _region(self, l0_x: int, l0_y: int, level: int, width: int, height: int) -> Image.Image:
        try:
            region = self.handle.read_region((l0_x, l0_y), level, (width, height))
        except openslide.OpenSlideError as error:
            raise SlideError(f"{self.path.name} is damaged: its pixels cannot be read ({error}).") from error
        return _on_white(region)

    def read_square(self, l0_x: float, l0_y: float, side_um: float, px: int) -> U8:
        """Square of `side_um` centred at (l0_x, l0_y), as (px, px, 3), from the coarsest level that is fine enough.

        Where that level has the wanted scale or a multiple of it, its pixels, or means of blocks of them, are taken as
        they are: up to half a pixel of the level aside, and up to a pixel of the side more or less.
        """
        l0_side = side_um / self.scale
        level = self.handle.get_best_level_for_downsample(max(1.0, l0_side / px))
        down = float(self.handle.level_downsamples[level])
        l0_left, l0_top = l0_x - l0_side / 2, l0_y - l0_side / 2
        left, top = math.floor(l0_left), math.floor(l0_top)
        level_side = l0_side / down
        times = max(1, round(level_side / px))
        if abs(level_side - times * px) < times * SAME_PX:
            side = times * px
            # On the level's own grid: between its pixels, OpenSlide would interpolate.
            corner = round(round(l0_x / down - side / 2) * down), round(round(l0_y / down - side / 2) * down)
            return np.asarray(self._region(*corner, level, side, side).reduce(times))
        size = math.ceil((l0_left - left + l0_side) / down) + 1
        region = self._region(left, top, level, size, size)
        dx, dy = (l0_left - left) / down, (l0_top - top) / down
        box = (dx, dy, dx + level_side, dy + level_side)
        return np.asarray(region.resize((px, px), Image.Resampling.BICUBIC, box=box))

    def read_native(self, l0_x: float, l0_y: float, side_um: float) -> U8:
        """Square of `side_um` centred at (l0_x, l0_y) in level-0 pixels as they are: (d, d, 3), d whole pixels.

        The centre's pixel is column and row d // 2 of the square, as in DeepSpot's own cutting.
        """
        d = max(1, round(side_um / self.scale))
        return self.read(int(l0_x) - d // 2, int(l0_y) - d // 2, 0, d, d)

    def thumbnail(self, max_px: int) -> U8:
        """The whole slide, its longer side at most `max_px`: (h, w, 3).

        A level too large to be held is read in strips, each made small before the next is read.
        """
        level = self.handle.get_best_level_for_downsample(max(self.width, self.height) / max_px)
        try:
            if math.prod(self.handle.level_dimensions[level]) > STRIP_PX:
                return self._thumbnail_by_strips(level, max_px)
            thumb = self.handle.get_thumbnail((max_px, max_px))
        except openslide.OpenSlideError as error:
            raise SlideError(f"{self.path.name} is damaged: its pixels cannot be read ({error}).") from error
        return np.asarray(thumb.convert("RGB"))

    def _thumbnail_by_strips(self, level: int, max_px: int) -> U8:
        level_w, level_h = self.handle.level_dimensions[level]
        factor = max(1, max(level_w, level_h) // max_px)
        rows = max(1, STRIP_PX // level_w // factor) * factor
        small = Image.new("RGB", (math.ceil(level_w / factor), math.ceil(level_h / factor)))
        for level_y in range(0, level_h, rows):
            l0_y = round(level_y * self.handle.level_downsamples[level])
            strip = self._region(0, l0_y, level, level_w, min(rows, level_h - level_y))
            small.paste(strip.reduce(factor), (0, level_y // factor))
        small.thumbnail((max_px, max_px), Image.Resampling.LANCZOS)
        return np.asarray(small)

    @contextmanager
    def sharing_decoded(self, side_um: float, px: int) -> Iterator[None]:
        """While tiles of `side_um` are read row by row, keep as much decoded as one row of them shares with the next.

        OpenSlide alone keeps 32 MB, and on a wide slide decodes what lies under overlapping tiles again for every row.
        """
        if not isinstance(self.handle, openslide.OpenSlide):
            yield
            return
        l0_side = side_um / self.scale
        level = self.handle.get_best_level_for_downsample(max(1.0, l0_side / px))
        stored = int(self.handle.properties.get(f"openslide.level[{level}].tile-height", 256))
        level_side = l0_side / self.handle.level_downsamples[level]
        band = 4 * self.handle.level_dimensions[level][0] * (level_side + 2 * stored)
        self.handle.set_cache(openslide.OpenSlideCache(int(np.clip(band, *CACHE_BYTES))))
        try:
            yield
        finally:
            self.handle.set_cache(openslide.OpenSlideCache(CACHE_BYTES[0]))

    @cached_property
    def deepzoom(self) -> DeepZoomGenerator:
        """Deep-zoom tiles whose coordinates are level-0 pixels; an address out of range raises ValueError."""
        return DeepZoomGenerator(self.handle, tile_size=TILE_PX, overlap=1, limit_bounds=False)

    def describe(self) -> str:
        """Size, scale, magnification and vendor in one line."""
        size = f"{self.width:,} x {self.height:,} px"
        if self.mpp is not None:
            mm = self.mpp / 1000
            size += f" ({self.width * mm:.2f} x {self.height * mm:.2f} mm at {self.mpp:.3g} um/px)"
        objective = f"{self.objective:g}x" if self.objective else "magnification not stored"
        return f"{size}, {objective}, {self.vendor}"


def open_slide(path: Path | str, mpp: float | None = None) -> Slide:
    """Open any format that OpenSlide reads, or a plain PNG, JPEG or TIFF.

    `mpp` (um per level-0 pixel) overrides what the file stores. Raises SlideError: not there, not an image, damaged.
    """
    path = Path(path)
    if not path.exists():
        raise SlideError(f"There is no file {path}.")
    if path.is_dir():
        raise SlideError(f"{path} is a folder; give the slide file in it, or a Space Ranger folder with spatial/.")
    if path.stat().st_size == 0:
        raise SlideError(f"{path.name} is empty (0 bytes).")
    if mpp is not None and not MPP_RANGE[0] <= mpp <= MPP_RANGE[1]:
        raise SlideError(f"{mpp:g} um per pixel is not plausible; expected {MPP_RANGE[0]:g} to {MPP_RANGE[1]:g}.")
    handle, vendor, stored = _open_handle(path)
    return Slide(path.resolve(), mpp or stored, objective_power(handle.properties), vendor, handle)


def _open_handle(path: Path) -> tuple[Any, str, float | None]:
    """(slide, vendor, stored mpp) by OpenSlide where it can, else as a flat image."""
    try:
        handle = openslide.OpenSlide(str(path))
    except openslide.OpenSlideUnsupportedFormatError as error:
        if path.suffix.lower() in SLIDE_SUFFIXES:  # a cut slide may still hold a picture, but not its scale
            raise unreadable(path) from error
        return _open_flat(path)
    except openslide.OpenSlideError as error:
        # Striped or oddly compressed TIFFs are detected as TIFF and then refused; tifffile may still read them.
        if path.suffix.lower() in (".tif", ".tiff"):
            return _open_flat(path)
        raise SlideError(f"{path.name} is damaged or cut off: OpenSlide says '{error}'.") from error
    refuse_bombs(path, handle)
    vendor = handle.properties.get(openslide.PROPERTY_NAME_VENDOR, "unknown vendor")
    return handle, vendor, _stored_mpp(path, handle)


def _open_flat(path: Path) -> tuple[Any, str, float | None]:
    flat = read_flat_image(path)
    plausible = flat.mpp is not None and MPP_RANGE[0] <= flat.mpp <= MPP_RANGE[1]
    return ArraySlide(flat.pixels), flat.format, flat.mpp if plausible else None


def _stored_mpp(path: Path, handle: Any) -> float | None:
    """Stored um per pixel, None where it is absent or implausible; raises SlideError for pixels that are not square."""
    try:
        mpp_x = float(handle.properties[openslide.PROPERTY_NAME_MPP_X])
        mpp_y = float(handle.properties[openslide.PROPERTY_NAME_MPP_Y])
    except (KeyError, ValueError):
        return None
    mean = (mpp_x + mpp_y) / 2
    if not MPP_RANGE[0] <= mean <= MPP_RANGE[1]:
        return None
    if abs(mpp_x - mpp_y) > 0.05 * mean:
        raise SlideError(f"{path.name} has pixels that are not square ({mpp_x:g} x {mpp_y:g} um); resample it first.")
    return mean


def _on_white(region: Image.Image) -> Image.Image:
    if region.getchannel("A").getextrema()[0] == 255:
        return region.convert("RGB")
    rgba = np.asarray(region)
    alpha = rgba[..., 3:].astype(np.uint16)
    return Image.fromarray(((rgba[..., :3] * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8))
