"""Ending well: no new questions, those that run may finish or are told, jobs leave what they can go on from."""

import asyncio
import threading
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from tools.logs import event
from viewer.jobs import Jobs
from viewer.turns import Turns
from viewer.visits import Visits

STOPPED = "The server was stopped before this was answered; ask again when it is back."
LOOK_S = 0.1
GRACE_S = 1.0  # for answers that were told to end to be sent


class Server(uvicorn.Server):
    """A server that lets running answers finish when it is told to end; a second signal ends it at once."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, patience_s: float) -> None:
        super().__init__(config)
        self._app, self._patience_s = app, patience_s

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end. The signal is not raised again afterwards: ending as asked is no failure."""
        state = self._app.state
        if state.turns.closed:
            self.force_exit = self.should_exit = True
            return
        state.turns.closed = True
        event("stopping", signal=sig, patience_s=self._patience_s)
        ending = (state.visits, state.turns, state.jobs, self._patience_s, self._end)
        threading.Thread(target=wind_up, args=ending, name="wind-up", daemon=True).start()

    def _end(self) -> None:
        """Let go of open pages, which hold a connection for as long as they live, and end."""
        for route in self._app.routes:
            if isinstance(stop := getattr(getattr(route, "app", None), "stop_event", None), asyncio.Event):
                stop.set()
        self.should_exit = True


def wind_up(visits: Visits, turns: Turns, jobs: Jobs, patience_s: float, end: Callable[[], None]) -> None:
    """Wait for running answers until patience ends, tell the rest, keep every conversation, then call `end`."""
    turns.closed = True
    jobs.close()
    until = time.monotonic() + patience_s
    while visits.busy() and time.monotonic() < until:
        time.sleep(LOOK_S)
    for visitor, visit in visits.busy():
        visit.stop(STOPPED)
        visits.keep(visitor, visit)
    if visits.busy():
        time.sleep(GRACE_S)
    end()
