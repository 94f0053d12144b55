"""Pictures of findings for the conversation: a layer at a glance, the tissue of a region. Made once and kept."""

import io
from collections.abc import Callable

import numpy as np
from fastapi import APIRouter, HTTPException, Request, Response
from PIL import Image

from tools.export import overview
from tools.files import atomic
from tools.regions import Region
from tools.slide import Slide
from viewer.api.shared import Desk, binary, told
from viewer.visit import Visit

MAP_PX, CROP_PX = 520, 160
SMALLEST_UM, LARGEST_UM = 60.0, 5_000.0


def router(desk: Desk) -> APIRouter:
    """Routes of pictures."""
    routes = APIRouter(prefix="/sw")

    @routes.get("/visits/{name}/layers/{layer}.png")
    def layer_picture(name: str, layer: str, request: Request) -> Response:
        """The tissue coloured by a layer."""
        visit = desk.visit(request, name)
        return _kept(desk, request, visit, f"{layer}.png", lambda: _map(desk, visit, layer))

    @routes.get("/visits/{name}/regions/{region}.jpg")
    def region_picture(name: str, region: str, request: Request) -> Response:
        """The tissue in the middle of a region."""
        visit = desk.visit(request, name)
        return _kept(desk, request, visit, f"{region}.jpg", lambda: _tissue(desk, visit, region))

    @routes.get("/visits/{name}/pictures/{picture}.png")
    def seen(name: str, picture: str, request: Request) -> Response:
        """A crop that the chat looked at."""
        found = desk.visit(request, name).session.pictures.get(picture)
        if found is None:
            raise HTTPException(404, "There is no such picture.")
        return binary(found.png, "image/png")

    @routes.get("/slides/{name}/crop.jpg")
    def crop(name: str, x: float, y: float, um: float) -> Response:
        """The square of `um` microns around a place in level-0 pixels."""
        with told():
            slide = desk.shelf.slide(name)
            square = slide.read_square(x, y, min(max(um, SMALLEST_UM), LARGEST_UM), CROP_PX)
        return binary(encoded(Image.fromarray(square), "JPEG"), "image/jpeg")

    @routes.get("/slides/{name}/thumb.jpg")
    def thumb(name: str) -> Response:
        """The whole slide, small."""
        with told():
            return binary(encoded(Image.fromarray(desk.shelf.slide(name).thumbnail(220)), "JPEG"), "image/jpeg")

    return routes


def encoded(image: Image.Image, kind: str) -> bytes:
    """The bytes of a picture file."""
    stream = io.BytesIO()
    image.save(stream, kind, quality=85) if kind == "JPEG" else image.save(stream, kind)
    return stream.getvalue()


def _kept(desk: Desk, request: Request, visit: Visit, file: str, make: Callable[[], Image.Image]) -> Response:
    """The picture from the conversation's folder, made and put there if it is new."""
    path = desk.visits.archive.folder(desk.visitor(request), visit.name) / "pictures" / file
    if not path.is_file():
        with told():
            picture = make()
        with atomic(path) as part:
            part.write_bytes(encoded(picture, "PNG" if file.endswith("png") else "JPEG"))
    return binary(path.read_bytes(), "image/png" if file.endswith("png") else "image/jpeg")


def _map(desk: Desk, visit: Visit, name: str) -> Image.Image:
    layer = visit.session.layers.get(name)
    slide = desk.prepared(visit)
    if layer is None or len(layer.values) != len(slide.spots):
        raise HTTPException(404, "There is no such layer.")
    return overview(slide, layer, MAP_PX)


def _tissue(desk: Desk, visit: Visit, name: str) -> Image.Image:
    region, slide = visit.session.regions.get(name), desk.prepared(visit)
    if region is None or not len(region.spots) or region.spots.max() >= len(slide.spots):
        raise HTTPException(404, "There is no such region.")
    return Image.fromarray(around(slide.slide, region, slide.spots.l0_xy))


def around(slide: Slide, region: Region, l0_xy: np.ndarray) -> np.ndarray:
    """A square at the spot of the region that lies nearest to its centre, large enough to see cells in."""
    inside = l0_xy[region.spots]
    middle = inside[np.argmin(((inside - inside.mean(axis=0)) ** 2).sum(axis=1))]
    return slide.read_square(float(middle[0]), float(middle[1]), 220.0, CROP_PX)
