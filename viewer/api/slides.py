"""Slides of the workspace: list, bring, prepare, search across."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Query, Request
from pydantic import BaseModel, Field

from tools.search import search_workspace
from tools.slide import MPP_RANGE
from tools.workspace import SlideState
from viewer.api.shared import Desk, told
from viewer.intake import UPLOADS, Intake, TooLarge
from viewer.jobs import Jobs
from viewer.visitor import asker


class Order(BaseModel):
    """A slide to prepare, with its um per pixel where it does not store it."""

    slide: str
    mpp: Annotated[float | None, Field(ge=MPP_RANGE[0], le=MPP_RANGE[1])] = None


def router(desk: Desk, jobs: Jobs, intake: Intake, models: str) -> APIRouter:
    """Routes below /sw."""
    routes = APIRouter(prefix="/sw")
    _bringing(routes, desk, intake)
    _preparing(routes, desk, jobs, models)

    @routes.get("/slides")
    def slides(request: Request) -> dict[str, Any]:
        """Every slide with its state and its job, and what may be uploaded."""
        desk.visitor(request)
        rows = [_row(state, desk, jobs) for state in desk.shelf.states()]
        return {"slides": rows, "endings": UPLOADS, "limit_mb": intake.limit_mb}

    @routes.get("/search")
    def search(
        q: Annotated[str, Query(min_length=1, max_length=200)],
        request: Request,
        top: Annotated[int, Query(ge=1, le=100)] = 24,
    ) -> list[dict[str, Any]]:
        """The spots of all slides that match a phrase best."""
        desk.visitor(request)
        with told():
            hits = search_workspace(desk.workspace, q, top, models, desk.runtime)
        mpp = {state.name: state.mpp for state in desk.shelf.states()}
        return [
            {"slide": hit.slide, "spot": hit.spot, "x": hit.x, "y": hit.y, "score": round(hit.score, 4)}
            | {"mpp": mpp.get(hit.slide)}
            for hit in hits
        ]

    return routes


def _bringing(routes: APIRouter, desk: Desk, intake: Intake) -> None:
    @routes.put("/uploads/{name}")
    async def upload(name: str, request: Request) -> dict[str, Any]:
        """Bring a slide file."""
        owner, length = asker(desk.visitor(request)), request.headers.get("content-length", "0")
        expected = int(length) if length.isdigit() else 0
        with told():
            try:
                return {"slide": (await intake.take(name, request.stream(), owner, expected)).name}
            except TooLarge as error:
                raise HTTPException(413, str(error)) from error

    @routes.get("/folders")
    def folders(request: Request) -> list[dict[str, str | int]]:
        """Slide files in the folders that the settings allow."""
        desk.visitor(request)
        return intake.listed()

    @routes.post("/folders")
    def pick(folder: Annotated[int, Body()], path: Annotated[str, Body()], request: Request) -> dict[str, Any]:
        """Take a slide from an allowed folder."""
        desk.visitor(request)
        with told():
            return {"slide": intake.pick(folder, path).name}


def _preparing(routes: APIRouter, desk: Desk, jobs: Jobs, models: str) -> None:
    @routes.post("/jobs")
    def start(order: Order, request: Request) -> dict[str, Any]:
        """Prepare a slide, or go on where it was stopped."""
        desk.visitor(request)
        with told():
            state = desk.workspace.get(order.slide)
            mpp = order.mpp or state.options.mpp
            if mpp is None and desk.shelf.slide(order.slide).mpp is None:
                raise HTTPException(422, f"{order.slide} does not store its pixel size; say how many um a pixel is.")
        chosen = models if state.state == "new" else state.options.models
        job = jobs.start(order.slide, replace(state.options, mpp=mpp, models=chosen))
        return job.as_dict()

    @routes.delete("/jobs/{slide}")
    def stop(slide: str, request: Request) -> dict[str, Any]:
        """Stop preparing a slide."""
        desk.visitor(request)
        jobs.stop(slide)
        return {}


def _row(state: SlideState, desk: Desk, jobs: Jobs) -> dict[str, Any]:
    job = jobs.of(state.name)
    mpp = state.mpp
    return {
        "name": state.name,
        "state": state.state,
        "spots": state.facts.get("spots"),
        "mpp": mpp,
        "job": job.as_dict() if job and job.state != "done" else None,
    }
