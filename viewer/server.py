"""The server: the Gradio page, deep-zoom tiles and static files on one FastAPI app, behind one password if set."""

import itertools
import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request, Response

from agent import chat_models
from models.registry import load, model_set
from settings import Settings
from tools.errors import ModelUnavailable
from tools.logs import event
from tools.prepare import Runtime
from tools.workspace import Workspace
from viewer import memory
from viewer.api import conversations, findings, measures, pictures, slides
from viewer.api.shared import Desk
from viewer.closing import Server
from viewer.gate import Gate, why_not_served
from viewer.handlers import Handlers
from viewer.health import health_router
from viewer.intake import Intake, Quota
from viewer.jobs import Jobs
from viewer.page import lay_out, theme
from viewer.routes import ASSETS, PageError, static_files, tile_router
from viewer.shelf import Shelf
from viewer.turns import Turns
from viewer.visitor import welcome
from viewer.visits import Visits

__all__ = ["PageError", "build_app", "serve"]

log = logging.getLogger(__name__)

TRIM_S, SWEEP_EVERY = 10.0, 6  # seconds; and every so often idle conversations leave memory
LAST_WORDS_S = 5.0  # for threads to end after the server did

Next = Callable[[Request], Awaitable[Response]]


def build_app(settings: Settings) -> FastAPI:
    """Everything that is served. Raises PageError where the set-up did not bring OpenSeadragon."""
    workspace = Workspace(settings.workspace, settings.demo_slide)
    shelf = Shelf(workspace)
    visits = Visits(settings, workspace, shelf)
    app = FastAPI(title="SpotWhisperer", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.visits = visits
    app.include_router(tile_router(shelf))
    app.state.turns = turns = Turns(settings.turns_at_once, settings.waiting_most)
    runtime = Runtime(settings.device, settings.models_dir, settings.chroma_url)
    desk = Desk(visits, shelf, workspace, runtime)
    app.state.jobs = jobs = Jobs(workspace, runtime)
    quota = Quota(settings.upload_limit_mb, settings.upload_visitor_mb, settings.upload_total_mb)
    intake = Intake(workspace, settings.models, settings.slide_folders, quota)
    app.include_router(health_router(settings, visits, jobs, turns))
    app.include_router(slides.router(desk, jobs, intake, settings.models))
    for part in (findings, measures, pictures, conversations):
        app.include_router(part.router(desk))
    for address, files in static_files().items():
        app.mount(address, files)
    _welcoming(app)
    app.add_middleware(Gate, settings=settings)
    with gr.Blocks(title="SpotWhisperer", fill_width=True, fill_height=True, analytics_enabled=False) as blocks:
        Handlers(lay_out(), visits, workspace, turns).connect(blocks)
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


def _welcoming(app: FastAPI) -> None:
    """Give a browser that comes for the first time its name."""

    @app.middleware("http")
    async def check(request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        welcome(request, response)
        return response


def warm(settings: Settings) -> None:
    """Load what the first question needs while the person still looks at the slide."""
    try:
        chat_models.build(settings)
        joint = load(model_set(settings.models).joint, settings.device, settings.models_dir)
        joint.encode_text(joint.null_texts())
    except ModelUnavailable as error:
        log.warning("%s", error)  # the first question is answered with the same sentence


def serve(settings: Settings) -> None:
    """Serve until told to end. Raises PageError where others could come in without a login."""
    if reason := why_not_served(settings):
        raise PageError(reason)
    memory.settle()
    app = build_app(settings)
    for work in (lambda: warm(settings), lambda: _sweep(app.state.visits)):
        threading.Thread(target=work, name="beside the server", daemon=True).start()
    event("serving", host=settings.host, port=settings.port)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        log_level="warning",
        proxy_headers=False,  # who asks is the one that is connected; `Gate` reads what a proxy says
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    Server(config, app, settings.shutdown_s).run()
    event("stopped")
    _leave(app)


def _sweep(visits: Visits) -> None:
    for n in itertools.count(1):
        time.sleep(TRIM_S)
        memory.give_back()
        if n % SWEEP_EVERY == 0:
            visits.sweep()


def _leave(app: FastAPI) -> None:
    """End this process even where a thread is deep in a stage of a slide; it goes on from what is finished."""

    def at_work() -> bool:
        return bool(app.state.jobs.working or app.state.visits.busy())

    until = time.monotonic() + LAST_WORDS_S
    while at_work() and time.monotonic() < until:
        time.sleep(0.1)
    if at_work():
        logging.shutdown()
        sys.stderr.flush()
        os._exit(0)
