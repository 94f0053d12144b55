"""The server: the Gradio page, deep-zoom tiles and static files on one FastAPI app, behind one password if set."""

import asyncio
import base64
import logging
import secrets
import threading
from collections.abc import Awaitable, Callable
from types import FrameType

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request, Response

from agent import chat_models
from models.registry import load, model_set
from settings import Settings
from tools.errors import ModelUnavailable
from tools.prepare import Runtime
from tools.workspace import Workspace
from viewer.api import conversations, findings, measures, pictures, slides
from viewer.api.shared import Desk
from viewer.handlers import Handlers
from viewer.intake import Intake
from viewer.jobs import Jobs
from viewer.page import lay_out, theme
from viewer.routes import ASSETS, PageError, static_files, tile_router
from viewer.shelf import Shelf
from viewer.visitor import welcome
from viewer.visits import Visits

__all__ = ["PageError", "build_app", "serve"]

log = logging.getLogger(__name__)

# The browser itself refuses any other host, whatever a library or an answer asks for.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; frame-ancestors 'self'"
)
Next = Callable[[Request], Awaitable[Response]]


def build_app(settings: Settings) -> FastAPI:
    """Everything that is served. Raises PageError where the set-up did not bring OpenSeadragon."""
    workspace = Workspace(settings.workspace, settings.demo_slide)
    shelf = Shelf(workspace)
    visits = Visits(settings, workspace, shelf)
    app = FastAPI(title="SpotWhisperer", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.visits = visits
    app.include_router(tile_router(shelf))
    runtime = Runtime(settings.device, settings.models_dir, settings.chroma_url)
    desk = Desk(visits, shelf, workspace, runtime)
    app.state.jobs = jobs = Jobs(workspace, runtime)
    intake = Intake(workspace, settings.models, settings.slide_folders, settings.upload_limit_mb)
    app.include_router(slides.router(desk, jobs, intake, settings.models))
    for part in (findings, measures, pictures, conversations):
        app.include_router(part.router(desk))
    for address, files in static_files().items():
        app.mount(address, files)
    guard(app, settings.auth.get_secret_value() if settings.auth else None)
    with gr.Blocks(title="SpotWhisperer", fill_width=True, fill_height=True, analytics_enabled=False) as blocks:
        Handlers(lay_out(), visits, workspace).connect(blocks)
    blocks.queue(default_concurrency_limit=16)
    return gr.mount_gradio_app(
        app,
        blocks,
        path="",
        server_name=settings.host,
        server_port=settings.port,
        theme=theme(),
        css=(ASSETS / "page.css").read_text(encoding="utf-8"),
        footer_links=[],
        run_history=False,
        max_file_size="1mb",  # slides come by /sw/uploads; Gradio's own uploads are not used
        ssr_mode=False,
        enable_monitoring=False,
    )


def guard(app: FastAPI, password: str | None) -> None:
    """Ask for user and password on every address but /healthz, and keep the browser on this host."""
    expected = f"Basic {base64.b64encode(password.encode()).decode()}".encode() if password else None

    @app.middleware("http")
    async def check(request: Request, call_next: Next) -> Response:
        given = request.headers.get("authorization", "").encode()
        if expected and request.url.path != "/healthz" and not secrets.compare_digest(given, expected):
            return Response("Who is there?", 401, {"WWW-Authenticate": 'Basic realm="SpotWhisperer", charset="UTF-8"'})
        response = await call_next(request)
        welcome(request, response)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


class _Server(uvicorn.Server):
    """A server that lets go of open pages when it is interrupted; they hold a connection for as long as they live."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Tell Gradio's heartbeats to end, then end."""
        self.config.app.state.jobs.close()
        for route in self.config.app.routes:
            if isinstance(stop := getattr(getattr(route, "app", None), "stop_event", None), asyncio.Event):
                stop.set()
        super().handle_exit(sig, frame)


def warm(settings: Settings) -> None:
    """Load what the first question needs while the person still looks at the slide."""
    try:
        chat_models.build(settings)
        joint = load(model_set(settings.models).joint, settings.device, settings.models_dir)
        joint.encode_text(joint.null_texts())
    except ModelUnavailable as error:
        log.warning("%s", error)  # the first question is answered with the same sentence


def serve(settings: Settings) -> None:
    """Serve until interrupted."""
    app = build_app(settings)
    threading.Thread(target=warm, args=(settings,), name="warm-up", daemon=True).start()
    log.info("Serving on http://%s:%d", settings.host, settings.port)
    config = uvicorn.Config(
        app, host=settings.host, port=settings.port, log_level="warning", timeout_graceful_shutdown=3
    )
    try:
        _Server(config).run()
    except KeyboardInterrupt:
        log.info("Stopped.")
