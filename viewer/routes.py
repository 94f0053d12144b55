"""Deep-zoom tiles and the page's own files. Addresses hold slide names only; what is not there is a 404."""

import io
from pathlib import Path

from fastapi import APIRouter, HTTPException, Response
from fastapi.staticfiles import StaticFiles

from tools.errors import SlideError
from tools.slide import Slide
from viewer.shelf import Shelf

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
VENDOR = HERE / "vendor"
OPENSEADRAGON = VENDOR / "openseadragon" / "openseadragon.min.js"
JPEG_QUALITY = 85
CACHE = {"Cache-Control": "private, max-age=3600"}


class PageError(Exception):
    """The page cannot be served; the message says what is missing and how to get it."""


def tile_router(shelf: Shelf) -> APIRouter:
    """Routes of the slides on the shelf."""
    router = APIRouter()

    @router.get("/slides/{name}.dzi")
    def descriptor(name: str) -> Response:
        """Deep Zoom descriptor: size, tile size and overlap."""
        return Response(_slide(shelf, name).deepzoom.get_dzi("jpeg"), media_type="application/xml")

    @router.get("/slides/{name}_files/{level}/{column}_{row}.jpeg")
    def tile(name: str, level: int, column: int, row: int) -> Response:
        """One tile as JPEG."""
        return Response(tile_jpeg(_slide(shelf, name), level, column, row), media_type="image/jpeg", headers=CACHE)

    return router


def tile_jpeg(slide: Slide, level: int, column: int, row: int) -> bytes:
    """JPEG bytes of one deep-zoom tile; 404 where there is none."""
    deepzoom = slide.deepzoom
    # A negative address would count from the end, as Python's lists do.
    if min(level, column, row) < 0 or level >= deepzoom.level_count:
        raise HTTPException(404, "There is no such tile.")
    try:
        image = deepzoom.get_tile(level, (column, row))
    except ValueError as error:
        raise HTTPException(404, "There is no such tile.") from error
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def static_files() -> dict[str, StaticFiles]:
    """Folders that are served as they are, by address (Gradio has /assets).

    Raises PageError where the set-up did not bring OpenSeadragon.
    """
    if not OPENSEADRAGON.is_file():
        raise PageError(
            f"The page needs OpenSeadragon, and {OPENSEADRAGON} is not there. Run `python setup_env.py` once: it "
            "fetches the file from the npm registry."
        )
    return {"/page": StaticFiles(directory=ASSETS), "/vendor": StaticFiles(directory=VENDOR)}


def _slide(shelf: Shelf, name: str) -> Slide:
    try:
        return shelf.slide(name)
    except SlideError as error:
        raise HTTPException(404, str(error)) from error
