from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.synthetic import GLASS, HEIGHT, PINK, PURPLE, WIDTH, he_pixels
from tools.errors import MppNeeded, SlideError
from tools.slide import open_slide


def close_to(pixels: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(np.median(pixels.reshape(-1, 3), axis=0) - colour).max() < 12)


def test_png_has_the_size_and_colours_of_the_image(he_png: Path) -> None:
    slide = open_slide(he_png, 1.0)
    assert (slide.width, slide.height, slide.vendor) == (WIDTH, HEIGHT, "PNG")
    assert close_to(slide.read(200, 300, 0, 50, 40), PURPLE)
    assert slide.read(200, 300, 0, 50, 40).shape == (40, 50, 3)


def test_read_square_is_centred_and_in_um(he_png: Path) -> None:
    slide = open_slide(he_png, 0.5)  # 100 um are 200 px now
    square = slide.read_square(500, 400, 100, 64)
    assert square.shape == (64, 64, 3)
    assert close_to(square[:, :28], PURPLE) and close_to(square[:, 36:], PINK)


def test_what_lies_outside_is_white(he_png: Path) -> None:
    square = open_slide(he_png, 1.0).read_square(0, 0, 100, 50)
    assert (square[:20, :20] == 255).all()
    assert close_to(square[30:, 30:], GLASS)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_plain_formats_agree(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    Image.fromarray(he_pixels()).save(path)
    slide = open_slide(path, 1.0)
    assert (slide.width, slide.height) == (WIDTH, HEIGHT)
    assert close_to(slide.read_square(300, 400, 100, 50), PURPLE)
    assert close_to(slide.read_square(700, 400, 100, 50), PINK)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "deflate"},
        {"tile": (256, 256), "compression": "jpeg"},
        {"tile": (256, 256), "metadata": {"axes": "YXS", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm"}},
        {"planarconfig": "separate"},
        {"bigtiff": True, "rowsperstrip": 64},
    ],
    ids=["striped", "tiled-jpeg", "ome", "planar", "bigtiff"],
)
def test_tiffs_of_every_make(tmp_path: Path, options: dict[str, object]) -> None:
    pixels = he_pixels()
    if options.get("planarconfig"):
        pixels = np.moveaxis(pixels, -1, 0)
    path = tmp_path / ("image.ome.tif" if "metadata" in options else "image.tif")
    tifffile.imwrite(path, pixels, photometric="rgb", **options)
    slide = open_slide(path, 1.0)
    assert (slide.width, slide.height) == (WIDTH, HEIGHT)
    assert close_to(slide.read_square(300, 400, 100, 50), PURPLE)


def test_tiff_pyramid_as_10x_writes_it(tmp_path: Path) -> None:
    path, pixels = tmp_path / "pyramid.tif", he_pixels()
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        shared = {"photometric": "rgb", "tile": (128, 128), "compression": "jpeg"}
        tiff.write(pixels, subifds=1, resolution=(20_000, 20_000), resolutionunit="CENTIMETER", **shared)
        tiff.write(pixels[::2, ::2], subfiletype=1, **shared)
    slide = open_slide(path)
    assert (slide.width, slide.height) == (WIDTH, HEIGHT)
    assert slide.mpp == pytest.approx(0.5)


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "I;16"])
def test_other_colour_models_become_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "image.tif"
    if mode == "I;16":
        tifffile.imwrite(path, he_pixels().astype(np.uint16) * 257, photometric="rgb")
    else:
        Image.fromarray(he_pixels()).convert(mode).save(path)
    square = open_slide(path, 1.0).read_square(300, 400, 100, 50)
    assert square.shape == (50, 50, 3) and square.dtype == np.uint8
    assert close_to(square, PURPLE) or (mode == "L" and 80 < square.mean() < 100)


def test_transparent_png_lies_on_white(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.new("RGBA", (100, 80), (0, 0, 0, 0)).save(path)
    assert (open_slide(path, 1.0).read(0, 0, 0, 100, 80) == 255).all()


def test_screen_resolution_is_no_mpp(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    Image.fromarray(he_pixels()).save(path, dpi=(72, 72))
    slide = open_slide(path)
    assert slide.mpp is None
    with pytest.raises(MppNeeded, match="How many microns"):
        slide.read_square(10, 10, 10, 10)


def test_deepzoom_covers_the_slide(he_png: Path) -> None:
    zoom = open_slide(he_png, 1.0).deepzoom
    assert zoom.level_dimensions[-1] == (WIDTH, HEIGHT)
    assert zoom.get_tile(zoom.level_count - 1, (0, 0)).size == (255, 255)
    with pytest.raises(ValueError, match="Invalid"):
        zoom.get_tile(zoom.level_count - 1, (99, 0))


@pytest.mark.parametrize("name", ["notes.svs", "notes.tif", "notes.png", "notes.jpg", "notes.ndpi"])
def test_a_text_file_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("This is no slide.\n" * 50)
    with pytest.raises(SlideError, match=name):
        open_slide(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_a_truncated_image_is_refused_in_a_sentence(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    Image.fromarray(he_pixels()).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SlideError, match=r"cut off|damaged"):
        open_slide(path)


def test_a_truncated_slide_is_refused_in_a_sentence(tmp_path: Path, demo_slide: Path) -> None:
    whole = demo_slide.read_bytes()
    for share in (0.2, 0.6, 0.95):
        path = tmp_path / "cut.svs"
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(SlideError, match=r"cut\.svs"):
            slide = open_slide(path)
            slide.thumbnail(500)
            slide.read(0, 0, 0, slide.width, slide.height)


@pytest.mark.parametrize(("content", "words"), [(None, "no file"), (b"", "empty")])
def test_missing_and_empty_files(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "slide.svs"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SlideError, match=words):
        open_slide(path)


def test_implausible_mpp_is_refused(he_png: Path) -> None:
    with pytest.raises(SlideError, match="not plausible"):
        open_slide(he_png, 500.0)


def test_the_demo_slide_says_what_it_is(demo_slide: Path) -> None:
    slide = open_slide(demo_slide)
    assert (slide.width, slide.height, slide.mpp, slide.objective) == (2220, 2967, 0.499, 20)
    assert "1.11 x 1.48 mm" in slide.describe() and "aperio" in slide.describe()


def test_a_native_square_is_level_0_as_it_is(he_png: Path) -> None:
    slide = open_slide(he_png, 1.0)
    tile = slide.read_native(301.0, 207.0, 55.0)
    d = 55
    assert tile.shape == (d, d, 3)
    np.testing.assert_array_equal(tile, slide.read(301 - d // 2, 207 - d // 2, 0, d, d))


def test_a_thumbnail_in_strips_is_the_thumbnail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, pixels = tmp_path / "wide.tif", np.repeat(np.repeat(he_pixels(), 2, axis=0), 2, axis=1)
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(256, 256), compression="jpeg")
    slide = open_slide(path, 1.0)
    whole = slide.thumbnail(300).astype(int)
    monkeypatch.setattr("tools.slide.STRIP_PX", 2 * WIDTH * 100)
    strips = slide.thumbnail(300).astype(int)
    assert strips.shape == whole.shape
    assert np.abs(strips - whole).mean() < 1.0 and np.percentile(np.abs(strips - whole), 99) < 12
    with slide.sharing_decoded(100, 50):
        shared = slide.read_square(500, 400, 100, 50)
    assert (shared == slide.read_square(500, 400, 100, 50)).all()


@pytest.mark.parametrize(("shift", "mpp"), [(0, 1.0), (0.4, 1.0), (-0.4, 1.004), (0.3, 0.996)])
def test_tiles_of_the_level_s_own_scale_are_its_nearest_pixels(he_png: Path, shift: float, mpp: float) -> None:
    slide = open_slide(he_png, mpp)
    tile = slide.read_square(300 + shift, 200, 64, 64)
    assert (tile == slide.read(268, 168, 0, 64, 64)).all()


def test_another_scale_is_resampled_about_the_same_centre(he_png: Path) -> None:
    slide = open_slide(he_png, 1.0)
    fine, half = slide.read_square(300, 200, 64, 64).astype(float), slide.read_square(300, 200, 64, 32).astype(float)
    blocks = fine.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(blocks - half).mean() < 4
