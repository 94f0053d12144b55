"""Layers and regions of a visit: read, named, shown, hidden, removed, drawn."""

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Body, HTTPException, Request, Response
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from tools import genes as gene_tools
from tools.prepared import PreparedSlide
from tools.regions import region as make_region
from tools.score import Scorer
from viewer import overlay
from viewer.api.shared import Desk, binary, held
from viewer.state import state_of

Text = Annotated[str, Field(min_length=1, max_length=120)]


class Drawn(BaseModel):
    """Spots that a person selected."""

    rows: Annotated[list[int], Field(min_length=1, max_length=2_000_000)]
    name: Annotated[str, Field(max_length=120)] = ""


class Views(BaseModel):
    """Which layers colour the two views; None is none."""

    left: str | None
    right: str | None


class Wanted(BaseModel):
    """A layer to make: a gene, or a phrase with another that may be subtracted, by one of the scorers."""

    kind: Literal["gene", "score"]
    words: Text
    minus: Annotated[str, Field(max_length=120)] = ""
    scorer: Scorer | None = None
    side: Literal["left", "right"] = "left"


def router(desk: Desk) -> APIRouter:
    """Routes below /sw/visits/{name}."""
    routes = APIRouter(prefix="/sw")
    _layers(routes, desk)
    _regions(routes, desk)

    @routes.get("/palettes")
    def palettes() -> dict[str, str]:
        """Every colour map."""
        return overlay.palettes_payload()

    @routes.get("/visits/{name}")
    def state(name: str, request: Request) -> dict[str, Any]:
        """What the page shows."""
        return state_of(desk.visit(request, name), desk.shelf)

    @routes.get("/visits/{name}/spots")
    def spots(name: str, request: Request) -> dict[str, Any]:
        """Where the spots of the slide are, and its genes."""
        prepared = desk.prepared(desk.visit(request, name))
        return overlay.spots_payload(prepared.spots) | {"genes": [str(gene) for gene in prepared.adata.var_names]}

    return routes


def _layers(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/visits/{name}/layers/{layer}.bin")
    def values(name: str, layer: str, request: Request) -> Response:
        """One float32 per spot."""
        found = desk.visit(request, name).board.layers.get(layer)
        if found is None:
            raise HTTPException(404, "There is no such layer.")
        return binary(overlay.values_bytes(found))

    @routes.post("/visits/{name}/layers")
    def make(name: str, wanted: Wanted, request: Request) -> dict[str, Any]:
        """Map a gene or a phrase, as the chat's tools do."""
        visit = desk.visit(request, name)
        slide, board = desk.prepared(visit), visit.board
        with held(visit):
            title, values = _mapped(slide, wanted)
            before = board.left
            layer = visit.session.add_layer(title, wanted.kind, values)
            board.bring_layer(layer)
            if wanted.side == "right":
                board.left, board.right = (before if before in board.layers else None), layer.id
        return desk.changed(request, visit)

    @routes.patch("/visits/{name}/layers/{layer}")
    def rename(name: str, layer: str, title: Annotated[Text, Body(embed=True)], request: Request) -> dict[str, Any]:
        """Give a layer another title."""
        visit = desk.visit(request, name)
        if layer not in visit.board.layers:
            raise HTTPException(404, "There is no such layer.")
        visit.board.rename_layer(layer, title)
        return desk.changed(request, visit)

    @routes.delete("/visits/{name}/layers/{layer}")
    def remove(name: str, layer: str, request: Request) -> dict[str, Any]:
        """Remove a layer."""
        visit = desk.visit(request, name)
        visit.board.drop_layer(layer)
        return desk.changed(request, visit)

    @routes.post("/visits/{name}/views")
    def views(name: str, wanted: Views, request: Request) -> dict[str, Any]:
        """Choose what colours the two views."""
        visit = desk.visit(request, name)
        known = visit.board.layers
        visit.board.left, visit.board.right = (v if v in known else None for v in (wanted.left, wanted.right))
        return desk.changed(request, visit)


def _mapped(slide: PreparedSlide, wanted: Wanted) -> tuple[str, NDArray[np.float32]]:
    """Title and values of the layer that is wanted."""
    if wanted.kind == "gene":
        return gene_tools.gene_values(slide.adata, wanted.words)
    minus = wanted.minus.strip()
    title = f"{wanted.words} minus {minus}" if minus else wanted.words
    by = f" ({wanted.scorer})" if wanted.scorer not in (None, slide.scorer) else ""
    return f"{title}{by}", slide.text_scores(wanted.words, minus or None, scorer=wanted.scorer)


def _regions(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/visits/{name}/regions")
    def draw(name: str, drawn: Drawn, request: Request) -> dict[str, Any]:
        """Make the selected spots a named region, which the chat knows by its id and as the selection."""
        visit = desk.visit(request, name)
        slide, board = desk.prepared(visit), visit.board
        rows = np.unique(np.asarray(drawn.rows, np.int64))
        if rows[0] < 0 or rows[-1] >= len(slide.spots):
            raise HTTPException(422, "Such spots are not on this slide.")
        with held(visit):
            taken = {region.query for region in board.regions.values()}
            number = next(i for i in range(1, len(taken) + 2) if f"selection {i}" not in taken)
            words = drawn.name.strip() or f"selection {number}"
            region = visit.session.add_regions([make_region("", words, rows, slide.spots)])[0]
            board.draw_regions([region])
            board.focus, visit.session.selection = region.id, rows
        return desk.changed(request, visit)

    @routes.patch("/visits/{name}/regions/{region}")
    def rename(name: str, region: str, title: Annotated[Text, Body(embed=True)], request: Request) -> dict[str, Any]:
        """Give a region another name; the chat knows it by it."""
        visit = desk.visit(request, name)
        with held(visit):
            if region not in visit.board.regions:
                raise HTTPException(404, "There is no such region.")
            visit.rename_region(region, title)
        return desk.changed(request, visit)

    @routes.delete("/visits/{name}/regions/{region}")
    def remove(name: str, region: str, request: Request) -> dict[str, Any]:
        """Remove a region, here and for the chat."""
        visit = desk.visit(request, name)
        with held(visit):
            visit.drop_region(region)
        return desk.changed(request, visit)

    @routes.post("/visits/{name}/focus")
    def focus(name: str, region: Annotated[str | None, Body(embed=True)], request: Request) -> dict[str, Any]:
        """Make a region the selection; None lets go of it."""
        visit = desk.visit(request, name)
        with held(visit):
            visit.select(region)
        return desk.changed(request, visit)

    @routes.post("/visits/{name}/hidden")
    def hide(name: str, regions: Annotated[list[str], Body(embed=True)], request: Request) -> dict[str, Any]:
        """Choose which regions are not drawn."""
        visit = desk.visit(request, name)
        visit.board.hidden = set(regions) & set(visit.board.regions)
        return desk.changed(request, visit)
