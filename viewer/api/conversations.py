"""A visitor's conversations: list, forget; and what is taken away from one."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse

from viewer import take_away
from viewer.api.shared import Desk, held
from viewer.visit import Visit

Maker = Callable[[Visit], bytes]
KINDS: dict[str, tuple[Maker, str, str]] = {
    "geojson": (take_away.geojson, "application/geo+json", "geojson"),
    "csv": (take_away.csv, "text/csv; charset=utf-8", "csv"),
    "h5ad": (take_away.h5ad, "application/octet-stream", "h5ad"),
    "png": (take_away.png, "image/png", "png"),
    "report": (take_away.report, "text/html; charset=utf-8", "html"),
    "talk": (take_away.talk, "text/markdown; charset=utf-8", "md"),
}


def router(desk: Desk) -> APIRouter:
    """Routes below /sw."""
    routes = APIRouter(prefix="/sw")

    @routes.get("/conversations")
    def conversations(request: Request) -> list[dict[str, Any]]:
        """What is kept for this visitor, newest first."""
        return desk.visits.archive.list(desk.visitor(request))

    @routes.delete("/conversations/{name}")
    def forget(name: str, request: Request) -> list[dict[str, Any]]:
        """Forget a conversation for good."""
        visitor = desk.visitor(request)
        desk.visit(request, name)
        desk.visits.forget(visitor, name)
        return desk.visits.archive.list(visitor)

    @routes.get("/visits/{name}/export/{kind}")
    def export(name: str, kind: str, request: Request) -> Response:
        """A file of what was found."""
        visit = desk.visit(request, name)
        if kind not in KINDS:
            raise HTTPException(404, f"There is no export '{kind}'; there are {', '.join(KINDS)}.")
        make, media_type, ending = KINDS[kind]
        if kind != "talk" and kind != "report":
            desk.prepared(visit)
        with held(visit):
            body = make(visit)
        stem = f"{visit.slide or 'conversation'}{'-report' if kind == 'report' else ''}"
        named = f"attachment; filename*=UTF-8''{quote(f'{stem}.{ending}')}"
        return Response(
            body, media_type=media_type, headers={"Content-Disposition": named, "Cache-Control": "no-store"}
        )

    @routes.get("/visits/{name}/files/{file}")
    def written(name: str, file: str, request: Request) -> FileResponse:
        """A file that this conversation's export tool wrote."""
        path = desk.workspace.root / "exports" / file
        if file not in desk.visit(request, name).files or not path.is_file():
            raise HTTPException(404, "There is no such file.")
        return FileResponse(path, filename=file)

    return routes
