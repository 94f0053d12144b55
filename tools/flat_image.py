"""Plain images as slides: PNG, JPEG and TIFF that OpenSlide refuses, decoded whole and served as a pyramid."""

import logging
import re
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import openslide
import tifffile
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from tools.errors import SlideError

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # its doubts about a file are told by our one sentence
U8 = NDArray[np.uint8]
MAX_PX = 600_000_000  # decoded whole, so about 1.8 GB
DEPTHS = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)  # largest value of 8 to 16 bits, as scanners use of 16
WHITE = (255, 255, 255, 255)
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PLAIN_COLOURS = ("MINISBLACK", "RGB", "YCBCR")  # what tifffile decodes to RGB; Pillow knows CMYK, palettes, ...


@dataclass(frozen=True)
class FlatImage:
    """A decoded image: `pixels` (h, w, 3) uint8, `mpp` as stored (not checked), `format` in words."""

    pixels: U8
    mpp: float | None
    format: str


def read_flat_image(path: Path) -> FlatImage:
    """Decode a PNG, JPEG or TIFF. Raises SlideError: not an image, damaged, too large."""
    with path.open("rb") as file:  # its first bytes say what it is, its name may not
        if file.read(4) in TIFF_MAGIC:
            return _read_tiff(path)
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # Pillow's doubts about damaged tags
            return _read_pil(path)
    except UnidentifiedImageError as error:
        raise unreadable(path) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise SlideError(f"{path.name} is damaged or cut off ({error}).") from error


def unreadable(path: Path) -> SlideError:
    """What to say of a file that no reader takes: a TIFF that is broken, or no image at all."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic in TIFF_MAGIC:
        return SlideError(f"{path.name} is damaged or cut off: it begins as a TIFF slide but cannot be read.")
    return SlideError(
        f"{path.name} is not an image that can be read: expected a whole-slide format of OpenSlide "
        "(svs, ndpi, mrxs, scn, bif, DICOM, tiled TIFF, ...), TIFF, PNG or JPEG."
    )


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PX:
        raise SlideError(
            f"{path.name} has {width:,} x {height:,} px and no tiles, so it would have to be decoded whole; "
            f"at most {MAX_PX:,} px. Convert it to a pyramidal TIFF (for example with vips tiffsave --pyramid)."
        )


def _read_pil(path: Path) -> FlatImage:
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # our own limit is checked before decoding
    try:
        with Image.open(path) as opened:
            _check_size(path, *opened.size)
            kind, image = str(opened.format), cast(Image.Image, opened)
            if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                image = Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image.convert("RGBA"))
            elif image.mode.startswith(("I", "F")):
                return FlatImage(_to_rgb(np.asarray(image)), None, kind)
            return FlatImage(np.asarray(image.convert("RGB")), None, kind)
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _read_tiff(path: Path) -> FlatImage:
    try:
        with tifffile.TiffFile(path) as tiff:
            series = tiff.series[0]
            sizes = dict(zip(series.axes, series.shape, strict=False))
            _check_size(path, sizes.get("X", 0), sizes.get("Y", 0))
            if tifffile.PHOTOMETRIC(tiff.pages.first.photometric).name not in PLAIN_COLOURS:
                return replace(_read_pil(path), mpp=_tiff_mpp(tiff))
            return FlatImage(_to_rgb(_axes_yxs(series)), _tiff_mpp(tiff), "TIFF")
    except (
        tifffile.TiffFileError,
        OSError,
        ValueError,
        IndexError,
        KeyError,
        RuntimeError,
        TypeError,
        MemoryError,
        struct.error,
        ArithmeticError,
    ) as error:
        raise SlideError(f"{path.name} is not a TIFF that can be read, or it is cut off ({error}).") from error


def _axes_yxs(series: Any) -> NDArray[Any]:
    """First plane of a series as (y, x) or (y, x, samples)."""
    pixels, axes = np.asarray(series.asarray()), str(series.axes)
    for axis in [name for name in axes if name not in "YXSC"]:
        pixels = pixels.take(0, axis=axes.index(axis))
        axes = axes.replace(axis, "", 1)
    axes = axes.replace("C", "S") if "S" not in axes else axes
    if axes.startswith("S"):
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim not in (2, 3):
        raise ValueError(f"axes {series.axes} are not those of a colour image")
    return pixels


def _to_rgb(pixels: NDArray[Any]) -> U8:
    """Any grey, RGB or RGBA image of 8, 16 or floating bits as uint8 RGB."""
    if pixels.dtype.kind not in "biuf":
        raise ValueError(f"pixels of type {pixels.dtype} are no colours")
    if pixels.dtype.kind == "f":
        pixels = np.nan_to_num(pixels, nan=0.0, posinf=0.0, neginf=0.0)
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * 255
    elif pixels.dtype != np.uint8:
        top = float(pixels.max()) if pixels.size else 1.0
        full = next((depth for depth in DEPTHS if 1 < top <= depth), max(top, 1.0))
        pixels = (pixels.astype(np.float32) * (255.0 / full)).clip(0, 255).astype(np.uint8)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.shape[-1] in (1, 2):
        pixels = pixels[..., :1].repeat(3, axis=-1)
    return np.ascontiguousarray(pixels[..., :3])


def _tiff_mpp(tiff: tifffile.TiffFile) -> float | None:
    """Um per pixel from OME-XML, else from the resolution tags; None where neither says."""
    found = re.search(r'PhysicalSizeX="([0-9.eE+-]+)"', tiff.ome_metadata or "")
    unit = re.search(r'PhysicalSizeXUnit="([^"]+)"', tiff.ome_metadata or "")
    if found and (unit is None or unit.group(1) in ("um", "\u00b5m", "\u03bcm")):
        return _number(found.group(1))
    tags = tiff.pages.first.tags
    resolution, unit_tag = tags.get("XResolution"), tags.get("ResolutionUnit")
    if resolution is None or unit_tag is None or int(unit_tag.value) not in (2, 3):
        return None
    other = tags.get("YResolution") or resolution
    per_x, per_y = _ratio(resolution.value), _ratio(other.value)
    if per_x <= 0 or per_y <= 0:
        return None
    um = 25_400.0 if int(unit_tag.value) == 2 else 10_000.0
    if abs(per_x - per_y) > 0.05 * per_x:
        sides = f"{um / per_x:.3g} x {um / per_y:.3g} um"
        raise SlideError(f"{tiff.filename} has pixels that are not square ({sides}); resample it first.")
    return um / per_x


def _ratio(value: tuple[int, int]) -> float:
    numerator, denominator = value
    return numerator / denominator if denominator else 0.0


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class ArraySlide(openslide.AbstractSlide):
    """An array in memory with the interface of a slide: levels halve, reading outside gives transparency."""

    def __init__(self, pixels: U8) -> None:
        super().__init__()
        self._levels = [pixels]
        while max(self._levels[-1].shape[:2]) > 1024:
            self._levels.append(_halve(self._levels[-1]))

    @classmethod
    def detect_format(cls, filename: object) -> str | None:
        """No file format of its own."""
        return None

    def close(self) -> None:
        """Nothing is open."""

    @property
    def level_count(self) -> int:
        """Number of levels."""
        return len(self._levels)

    @property
    def level_dimensions(self) -> tuple[tuple[int, int], ...]:
        """(width, height) of each level."""
        return tuple((level.shape[1], level.shape[0]) for level in self._levels)

    @property
    def level_downsamples(self) -> tuple[float, ...]:
        """Downsample of each level."""
        return tuple(float(2**i) for i in range(len(self._levels)))

    @property
    def properties(self) -> Mapping[str, str]:
        """No metadata."""
        return {}

    @property
    def associated_images(self) -> Mapping[str, Image.Image]:
        """No label, no macro."""
        return {}

    def get_best_level_for_downsample(self, downsample: float) -> int:
        """The coarsest level that is at least as fine as `downsample`."""
        return max(i for i, down in enumerate(self.level_downsamples) if down <= max(downsample, 1.0))

    def read_region(self, location: tuple[int, int], level: int, size: tuple[int, int]) -> Image.Image:
        """RGBA region as OpenSlide gives it."""
        pixels, down = self._levels[level], 2**level
        x0, y0 = round(location[0] / down), round(location[1] / down)
        out = np.zeros((size[1], size[0], 4), np.uint8)
        x1, y1 = min(x0 + size[0], pixels.shape[1]), min(y0 + size[1], pixels.shape[0])
        left, top = max(x0, 0), max(y0, 0)
        if x1 > left and y1 > top:
            window = out[top - y0 : y1 - y0, left - x0 : x1 - x0]
            window[..., :3] = pixels[top:y1, left:x1]
            window[..., 3] = 255
        return Image.fromarray(out)


def _halve(pixels: U8) -> U8:
    image = Image.fromarray(pixels)
    size = (max(1, pixels.shape[1] // 2), max(1, pixels.shape[0] // 2))
    return np.asarray(image.resize(size, Image.Resampling.BOX))
