"""Whether the server lives, whether it can answer, and how busy it is; nothing secret, no path, no name of a person."""

import shutil
import time
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Response

from agent import chat_models
from agent.answer_trail import code_version
from models.registry import model_class, model_set
from settings import Settings
from tools.errors import ModelUnavailable
from viewer.jobs import Jobs
from viewer.turns import Lane, Turns
from viewer.visits import Visits

LEAST_FREE = 1_000_000_000
GB = 1e9


def health_router(settings: Settings, visits: Visits, jobs: Jobs, turns: Turns) -> APIRouter:
    """Routes for whoever watches over the server: /health asks for the login, the others do not."""
    router = APIRouter()
    begun = time.monotonic()

    @router.get("/healthz")
    @router.get("/health/live")
    def live() -> dict[str, str]:
        """Say that the server answers."""
        return {"status": "ok"}

    def checks() -> dict[str, bool]:
        usable = settings.workspace.resolve()
        while not usable.exists():
            usable = usable.parent
        return {
            "models": _said(lambda: not _missing(settings)),
            "chat_model": _said(lambda: bool(chat_models.build(settings))),
            "disk": shutil.disk_usage(usable).free > LEAST_FREE,
            "taking_questions": not turns.closed,
        }

    @router.get("/health/ready")
    def ready(response: Response) -> dict[str, str]:
        """Say whether questions can be answered; 503 where not."""
        good = all(checks().values())
        response.status_code = 200 if good else 503
        return {"status": "ready" if good else "not ready"}

    @router.get("/health")
    def whole(response: Response) -> dict[str, Any]:
        """Everything in one answer; 503 where something keeps the server from answering."""
        found = checks()
        response.status_code = 200 if all(found.values()) else 503
        free = shutil.disk_usage(settings.workspace if settings.workspace.exists() else settings.workspace.parent).free
        return {
            "status": "ready" if all(found.values()) else "not ready",
            "checks": found,
            "code": code_version(),
            "up_s": round(time.monotonic() - begun),
            "models": settings.models,
            "chat_model": settings.chat_model,
            "chat_server": chat_models.server_of(settings),
            "questions": {"answers": _counts(turns.answers), "preparing": _counts(turns.preparing)},
            "jobs": jobs.counts(),
            "conversations_in_memory": len(visits),
            "disk_free_gb": round(free / GB, 1),
        }

    return router


def _missing(settings: Settings) -> list[Any]:
    chosen = model_set(settings.models)
    parts = (chosen.encoder, chosen.predictor, chosen.joint)
    return [path for name in parts for path in model_class(name).card.missing(settings.models_dir)]


def _said(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except ModelUnavailable:
        return False


def _counts(lane: Lane) -> dict[str, int]:
    return {"running": lane.inside, "waiting": lane.waiting, "at_once": lane.at_once}
