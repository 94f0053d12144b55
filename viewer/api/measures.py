"""Numbers about the spots of a visit's slide: genes of a region, a spot, the two-dimensional map, clusters."""

import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Generic, TypeVar

import numpy as np
from fastapi import APIRouter, Body, HTTPException, Request
from numpy.typing import NDArray

from tools import genes as gene_tools
from tools.annotations import read_annotations
from tools.clusters import cluster_spots
from tools.prepared import PreparedSlide
from tools.regions import region as make_region
from tools.spot_genes import Moments, moments, standing_out
from tools.umap import embed_2d
from viewer import overlay
from viewer.api.shared import Desk, held, told
from viewer.visit import Visit

Made = TypeVar("Made")
MOST_GENES, MOST_HELD = 200, 8
LARGEST_GEOJSON = 50_000_000


def router(desk: Desk) -> APIRouter:
    """Routes below /sw/visits/{name}."""
    routes = APIRouter(prefix="/sw/visits/{name}")
    _genes(routes, desk)
    _groups(routes, desk)
    return routes


def _genes(routes: APIRouter, desk: Desk) -> None:
    spreads: _Once[Moments] = _Once()

    @routes.get("/markers")
    def markers(name: str, region: str, request: Request, versus: str = "rest") -> list[dict[str, Any]]:
        """Genes that set a region apart from the rest or from another region."""
        visit = desk.visit(request, name)
        slide = desk.prepared(visit)
        with told():
            against = None if versus == "rest" else _rows(visit, versus)
            found = gene_tools.top_genes(slide.adata, _rows(visit, region), against, MOST_GENES)
        return [{key: _plain(value) for key, value in asdict(stat).items()} for stat in found]

    @routes.get("/spots/{row}")
    def spot(name: str, row: int, request: Request) -> dict[str, Any]:
        """The genes that stand out at one spot."""
        slide = desk.prepared(desk.visit(request, name))
        if not 0 <= row < len(slide.spots):
            raise HTTPException(404, "There is no such spot.")
        found = standing_out(slide.adata, row, spreads.get(slide, lambda: moments(slide.adata)))
        return {"genes": [{"gene": gene, "z": z} for gene, z in found]}

    @routes.get("/genes/{gene}")
    def gene(name: str, gene: str, request: Request) -> dict[str, Any]:
        """Expression of one gene in every spot, and how well it is predicted."""
        slide = desk.prepared(desk.visit(request, name))
        with told():
            symbol, values = gene_tools.gene_values(slide.adata, gene)
        known = slide.adata.var["reliability"].get(symbol) if "reliability" in slide.adata.var else None
        return {"gene": symbol, "values": overlay.pack(values, "<f4"), "reliability": _plain(known)}


def _groups(routes: APIRouter, desk: Desk) -> None:
    maps: _Once[NDArray[np.float32]] = _Once()

    @routes.get("/embedding")
    def embedding(name: str, request: Request) -> dict[str, Any]:
        """Spots laid out in two dimensions by likeness of their transcriptome."""
        slide = desk.prepared(desk.visit(request, name))
        xy = maps.get(slide, lambda: embed_2d(np.asarray(slide.adata.obsm["X_joint"], np.float32)))
        return {"xy": overlay.pack(xy, "<f4")}

    @routes.post("/clusters")
    def clusters(name: str, n: Annotated[int | None, Body(embed=True)], request: Request) -> dict[str, Any]:
        """Spots in groups of like transcriptome, as a layer of categories with a caption each."""
        visit = desk.visit(request, name)
        slide = desk.prepared(visit)
        with held(visit):
            found = cluster_spots(slide, n=n)
            labels = [f"{cluster.id}: {cluster.caption}" for cluster in found.clusters]
            visit.session.clusters = {c.id: make_region(c.id, c.caption, c.rows, slide.spots) for c in found.clusters}
            title = f"{len(labels)} clusters"
            layer = visit.session.add_layer(title, "category", found.labels.astype(np.float32), labels)
            visit.board.bring_layer(layer)
        return desk.changed(request, visit)

    @routes.post("/annotations")
    async def annotations(name: str, request: Request) -> dict[str, Any]:
        """Outlines drawn elsewhere (GeoJSON), or labels of spots (CSV)."""
        visit = desk.visit(request, name)
        slide = desk.prepared(visit)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_GEOJSON:
                raise HTTPException(413, "This file is larger than 50 MB; annotations are smaller.")
        with held(visit):
            found = read_annotations(body, slide.spots)
            visit.board.draw_regions(visit.session.add_regions(found))
        return desk.changed(request, visit)


class _Once(Generic[Made]):
    """Something slow that is computed once per slide, however many ask for it meanwhile; the latest few are held."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[int, tuple[PreparedSlide, Made]] = {}  # the slide is held, so that its id stays its own

    def get(self, slide: PreparedSlide, make: Callable[[], Made]) -> Made:
        """What was made for this slide, or is made now."""
        with self._lock:
            if id(slide) not in self._made:
                while len(self._made) >= MOST_HELD:
                    self._made.pop(next(iter(self._made)))
                self._made[id(slide)] = (slide, make())
            return self._made[id(slide)][1]


def _rows(visit: Visit, region: str) -> NDArray[np.int64]:
    """Spots of a region, of several with commas between, or of those of the same words."""
    found = [known.spots for known in visit.board.regions.values() if known.id in region.split(",")]
    if not found:
        raise HTTPException(404, "There is no such region.")
    return np.unique(np.concatenate(found))


def _plain(value: Any) -> Any:
    """NaN and NumPy numbers as JSON has them."""
    if value is None or isinstance(value, str):
        return value
    return None if np.isnan(value) else float(value)
