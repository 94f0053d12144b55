"""Structured logs: one JSON object a line, or a line for people; each with the request that it belongs to."""

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

from tools.redact import redacted

request_id: ContextVar[str] = ContextVar("request_id", default="")
EVENTS = "spotwhisperer"  # the logger of what happened: requests, tools, stages, answers
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time, level, logger, request, message, and whatever it was given as extra."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; secrets are hidden."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {key: value for key, value in vars(record).items() if key not in _OWN}
        if request_id.get():
            entry.setdefault("request", request_id.get())
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return redacted(json.dumps(entry, default=str, ensure_ascii=False))


class Words(logging.Formatter):
    """A record for people; secrets are hidden."""

    def format(self, record: logging.LogRecord) -> str:
        """Level and message, and a traceback where there is one."""
        return redacted(f"{record.levelname.lower()}: {super().format(record)}")


class _Stderr(logging.StreamHandler[Any]):
    """Writes to whatever stderr is at the time."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        """Stderr."""
        return sys.stderr


def set_up(kind: Literal["text", "json"]) -> None:
    """Send logs to stderr: every event as JSON, or warnings alone for people."""
    handler = _Stderr()
    handler.setFormatter(JsonLines() if kind == "json" else Words())
    root = logging.getLogger()
    for old in [known for known in root.handlers if isinstance(known.formatter, JsonLines | Words)]:
        root.removeHandler(old)
    root.addHandler(handler)
    logging.getLogger(EVENTS).setLevel(logging.INFO if kind == "json" else logging.WARNING)


def event(name: str, **fields: Any) -> None:
    """Note that something happened, with plain JSON fields."""
    logging.getLogger(EVENTS).info(name, extra=fields)


@contextmanager
def timed(name: str, **fields: Any) -> Iterator[None]:
    """Note how long the block took, and whether it raised."""
    start, outcome = time.monotonic(), "raised"
    try:
        yield
        outcome = "done"
    finally:
        event(name, ms=round(1000 * (time.monotonic() - start), 1), outcome=outcome, **fields)
