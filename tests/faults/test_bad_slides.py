"""Slides that are damaged, misnamed, unusual or lie about themselves: one sentence each, or the right pixels."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.synthetic import he_pixels
from tools.errors import SlideError
from tools.slide import open_slide
from tools.spots import spot_grid

PIXELS = he_pixels()
IMAGE = Image.fromarray(PIXELS)
APERIO = "Aperio Image Library v11.2.1 \r\n1200x800 [0,0 1200x800] (256x256) JPEG/RGB Q=70|AppMag = {power}|MPP = {mpp}"
Make = Callable[[Path], object]


def png_claiming(width: int, height: int) -> Make:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def jpeg_claiming(side: int) -> Make:
    def make(path: Path) -> None:
        IMAGE.save(path, "JPEG")
        data = bytearray(path.read_bytes())
        at = data.index(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", side, side)
        path.write_bytes(data)

    return make


def tiff_claiming(side: int, tags: tuple[str, ...], tile: tuple[int, int] | None) -> Make:
    def make(path: Path) -> None:
        tifffile.imwrite(path, PIXELS, photometric="rgb", compression="zlib", tile=tile)
        with tifffile.TiffFile(path, mode="r+b") as tiff:
            for tag in tags:
                tiff.pages.first.tags[tag].overwrite(side)

    return make


def svs(mpp: str = "0.5", power: str = "20") -> Make:
    words = APERIO.format(mpp=mpp, power=power)
    return lambda path: tifffile.imwrite(
        path, PIXELS, photometric="rgb", tile=(256, 256), description=words, metadata=None
    )


def tiff(pixels: np.ndarray, **how: object) -> Make:
    return lambda path: tifffile.imwrite(path, pixels, **({"photometric": "rgb"} | how))  # type: ignore[arg-type]


def cut(make: Make, share: float) -> Make:
    def shortened(path: Path) -> None:
        make(path)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return shortened


SIDES = ("ImageWidth", "ImageLength")
TILES = ("TileWidth", "TileLength", *SIDES)
REFUSED: dict[str, tuple[Make, str]] = {
    "empty.svs": (lambda path: path.write_bytes(b""), "is empty"),
    "text.svs": (lambda path: path.write_text("hello"), "not an image"),
    "document.png": (lambda path: path.write_bytes(b"%PDF-1.4 x"), "not an image"),
    "zip.mrxs": (lambda path: path.write_bytes(b"PK\x03\x04" + b"\0" * 99), "not an image"),
    "png-in-disguise.svs": (lambda path: IMAGE.save(path, "PNG"), "not an image"),
    "no-pixels.png": (png_claiming(0, 0), "not an image"),
    "bomb.png": (png_claiming(100_000, 100_000), "at most 600,000,000 px"),
    "largest.png": (png_claiming(2**31 - 1, 2**31 - 1), "at most 600,000,000 px"),
    "bomb.jpg": (jpeg_claiming(65_000), "at most 600,000,000 px"),
    "bomb.tif": (tiff_claiming(100_000, SIDES, None), "at most 600,000,000 px"),
    "tiled-bomb.tif": (tiff_claiming(100_000, SIDES, (256, 256)), "bytes; its header is damaged"),
    "one-tile.tif": (tiff_claiming(65_520, TILES, (256, 256)), "stores tiles of"),
    "wide.tif": (tiff(PIXELS, tile=(256, 256), resolution=(1e4, 2e4), resolutionunit="CENTIMETER"), "not square"),
    "wide-flat.tif": (tiff(PIXELS, resolution=(1e4, 2e4), resolutionunit="CENTIMETER"), "not square"),
    "complex.tif": (tiff(PIXELS[..., 0].astype(np.complex64), photometric="minisblack"), "no colours"),
    "grey.png": (lambda path: IMAGE.convert("L").save(path), "greyscale"),
    "grey-tiled.tif": (tiff(PIXELS[..., 0], photometric="minisblack", tile=(256, 256)), "greyscale"),
    "bilevel.png": (lambda path: IMAGE.convert("1").save(path), "greyscale"),
    "transparent.png": (lambda path: Image.new("RGBA", (400, 300), (90, 30, 120, 0)).save(path), "blank"),
    "line.png": (lambda path: Image.fromarray(PIXELS[:1]).save(path), "smaller than one spot"),
    **{f"cut{share}.svs": (cut(svs(), share), "cut off") for share in (0.1, 0.6, 0.98)},
    **{f"cut{share}.png": (cut(lambda path: IMAGE.save(path), share), "cut off") for share in (0.1, 0.98)},
    **{f"cut{share}.jpg": (cut(lambda path: IMAGE.save(path), share), "cut off") for share in (0.1, 0.98)},
    **{f"cut{share}.tif": (cut(tiff(PIXELS, compression="zlib"), share), "cut off") for share in (0.1, 0.98)},
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("default::UserWarning")
def test_refused_with_one_sentence(tmp_path: Path, name: str) -> None:
    make, words = REFUSED[name]
    make(tmp_path / name)
    with pytest.raises(SlideError) as refused:
        spot_grid(open_slide(tmp_path / name, 1.0))
    said = str(refused.value)
    assert words in said and name in said and "\n" not in said and len(said) < 400


def sixteen(factor: int) -> np.ndarray:
    return PIXELS.astype(np.uint16) * factor


def with_alpha(alpha: int) -> np.ndarray:
    return np.dstack([PIXELS, np.full(PIXELS.shape[:2], alpha, np.uint8)])


READ: dict[str, Make] = {
    "svs-called.png": svs(),
    "svs-called.jpg": svs(),
    "png-called.tif": lambda path: IMAGE.save(path, "PNG"),
    "sixteen-bits.tif": tiff(sixteen(257)),
    "sixteen-bits-tiled.tif": tiff(sixteen(257), tile=(256, 256)),
    "twelve-of-sixteen-bits.tif": tiff(sixteen(16)),
    "float.tif": tiff(PIXELS.astype(np.float32) / 255),
    "float-with-nan.tif": tiff(np.where(np.arange(1200)[:, None] == 3, np.nan, PIXELS / 255).astype(np.float32)),
    "cmyk.tif": lambda path: IMAGE.convert("CMYK").save(path),
    "cmyk.jpg": lambda path: IMAGE.convert("CMYK").save(path),
    "lab.tif": lambda path: IMAGE.convert("LAB").save(path),
    "palette.png": lambda path: IMAGE.convert("P").save(path),
    "palette.tif": lambda path: IMAGE.convert("P").save(path),
    "alpha.png": lambda path: Image.fromarray(with_alpha(255)).save(path),
    "alpha-tiled.tif": tiff(with_alpha(255), extrasamples=["unassalpha"], tile=(256, 256)),
    "animated.gif": lambda path: IMAGE.save(path, save_all=True, append_images=[IMAGE.rotate(180)]),
    "animated.png": lambda path: IMAGE.save(path, save_all=True, append_images=[IMAGE.rotate(180)]),
    "stack.tif": tiff(np.stack([PIXELS] * 3)),
    "ome-without-number.ome.tif": tiff(PIXELS, description='<OME PhysicalSizeX="." <<<', metadata=None),
}


@pytest.mark.parametrize("name", READ)
def test_read_as_what_it_shows(tmp_path: Path, name: str) -> None:
    """Purple is left of pink, whatever the file stores and is called."""
    READ[name](tmp_path / name)
    slide = open_slide(tmp_path / name, 1.0)
    assert (slide.width, slide.height) == (1200, 800)
    left, right = slide.read(200, 200, 0, 100, 100).mean((0, 1)), slide.read(700, 200, 0, 100, 100).mean((0, 1))
    assert left[2] > left[0] > left[1] and right[0] > right[2] > right[1]
    assert len(spot_grid(slide)) > 150


@pytest.mark.parametrize("mpp", ["0", "-1", "nan", "inf", "1e9", "1e-300", "abc", ""])
def test_an_absurd_pixel_size_counts_as_none(tmp_path: Path, mpp: str) -> None:
    svs(mpp)(tmp_path / "slide.svs")
    assert open_slide(tmp_path / "slide.svs").mpp is None


@pytest.mark.parametrize("power", ["abc", "nan", "-20", "inf", ""])
def test_an_absurd_magnification_counts_as_none(tmp_path: Path, power: str) -> None:
    svs(power=power)(tmp_path / "slide.svs")
    slide = open_slide(tmp_path / "slide.svs")
    assert slide.objective is None and "magnification not stored" in slide.describe()
