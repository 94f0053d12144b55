"""What every route needs: whose visit it is, the session's lock, errors as sentences."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import HTTPException, Request, Response

from tools.errors import ModelUnavailable, SlideError, ToolError
from tools.prepare import Runtime
from tools.prepared import PreparedSlide
from tools.workspace import Workspace
from viewer.shelf import Shelf
from viewer.state import state_of
from viewer.visit import Visit
from viewer.visitor import visitor_of
from viewer.visits import Visits

WAIT_S = 3.0  # for a tool that is at work on the same session
CACHE = {"Cache-Control": "private, max-age=86400, immutable"}


class Desk:
    """Visits and slides, as the routes reach them."""

    def __init__(self, visits: Visits, shelf: Shelf, workspace: Workspace, runtime: Runtime) -> None:
        self.visits, self.shelf, self.workspace, self.runtime = visits, shelf, workspace, runtime

    def visitor(self, request: Request) -> str:
        """The visitor; 403 for a browser that keeps no cookie."""
        visitor = visitor_of(request.cookies)
        if visitor is None:
            raise HTTPException(403, "This page needs its cookie; allow it and load the page again.")
        return visitor

    def visit(self, request: Request, name: str) -> Visit:
        """This visitor's conversation; 404 for that of another."""
        visit = self.visits.of(visitor_of(request.cookies), name)
        if visit is None:
            raise HTTPException(404, "There is no such conversation.")
        return visit

    def prepared(self, visit: Visit) -> PreparedSlide:
        """The slide that the visit shows; 409 where nothing was inferred on it."""
        if visit.session.slide is None:
            raise HTTPException(409, "No expression has been inferred on this slide yet.")
        return visit.session.slide

    def changed(self, request: Request, visit: Visit) -> dict[str, Any]:
        """Note a change, keep it, and answer with what the page shows now."""
        visit.version += 1
        visit.note_shown()
        self.visits.keep(self.visitor(request), visit)
        return state_of(visit, self.shelf)


@contextmanager
def told() -> Iterator[None]:
    """Errors meant for a person become an answer that says them."""
    try:
        yield
    except (ToolError, SlideError, ModelUnavailable) as error:
        raise HTTPException(422, str(error)) from error


@contextmanager
def held(visit: Visit) -> Iterator[None]:
    """The session for oneself; 409 while a tool is at work on it."""
    if not visit.session.lock.acquire(timeout=WAIT_S):
        raise HTTPException(409, "A question is being answered; try again in a moment.")
    try:
        with told():
            yield
    finally:
        visit.session.lock.release()


def binary(data: bytes, media_type: str = "application/octet-stream", cached: bool = True) -> Response:
    """Bytes that never change under their address."""
    return Response(data, media_type=media_type, headers=CACHE if cached else {"Cache-Control": "no-store"})
