"""Slides that are being prepared: one after the other, with progress, time left, and a way to stop."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from tools.errors import ModelUnavailable, SlideError
from tools.logs import event
from tools.prepare import PrepareOptions, Runtime, prepare
from tools.workspace import Workspace

log = logging.getLogger(__name__)

STAGES = ("lay spots", "load models", "embed tiles", "infer expression", "embed expression", "index spots")


class _CancelledError(Exception):
    """Somebody stopped the job."""


@dataclass
class Job:
    """One slide on its way: `done` of `total` units of `stage`, the last of which began at `since`."""

    slide: str
    state: Literal["waiting", "running", "done", "stopped", "failed"] = "waiting"
    stage: str = ""
    done: int = 0
    total: int = 0
    first: int = 0  # units that were done before this run
    since: float = 0.0
    sentence: str = ""
    times: dict[str, float] = field(default_factory=dict)  # stage -> seconds
    stop: threading.Event = field(default_factory=threading.Event, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """For the page: where it stands and seconds left of this stage, where they can be told."""
        number = STAGES.index(self.stage) + 1 if self.stage in STAGES else 0
        return {
            "state": self.state,
            "stage": self.stage,
            "number": number,
            "stages": len(STAGES),
            "done": self.done,
            "total": self.total,
            "left_s": self._left_s(),
            "sentence": self.sentence,
        }

    def report(self, stage: str, done: int, total: int) -> None:
        """Take note of progress; raises where somebody stopped the job."""
        if self.stop.is_set():
            raise _CancelledError
        if stage != self.stage:
            self.note_time()
            self.stage, self.since, self.first = stage, time.monotonic(), done
        self.done, self.total = done, total

    def note_time(self) -> None:
        """Keep how long the stage took that ends now, and say it in the log."""
        if self.stage:
            self.times[self.stage] = round(time.monotonic() - self.since, 2)
            event("stage", slide=self.slide, stage=self.stage, seconds=self.times[self.stage], units=self.done)

    def _left_s(self) -> float | None:
        made = self.done - self.first
        if self.state != "running" or self.total <= 1 or made <= 0:
            return None
        return (time.monotonic() - self.since) / made * (self.total - self.done)


class Jobs:
    """The queue of this server."""

    def __init__(self, workspace: Workspace, runtime: Runtime) -> None:
        self._workspace, self._runtime = workspace, runtime
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="prepare")

    def start(self, slide: str, options: PrepareOptions, when_done: Callable[[], None] = lambda: None) -> Job:
        """Queue a slide; one that is queued already stays where it is. What was finished before is not done again."""
        with self._lock:
            known = self._jobs.get(slide)
            if known and known.state in ("waiting", "running"):
                return known
            job = self._jobs[slide] = Job(slide)
        self._pool.submit(self._run, job, options, when_done)
        return job

    def stop(self, slide: str) -> None:
        """Stop a job at its next step; what is finished stays."""
        job = self._jobs.get(slide)
        if job:
            job.stop.set()
            if job.state == "waiting":
                job.state = "stopped"

    def of(self, slide: str) -> Job | None:
        """The last job of a slide."""
        return self._jobs.get(slide)

    def close(self) -> None:
        """Stop everything; the server ends. What is finished stays, so that it can go on from there."""
        for job in list(self._jobs.values()):
            job.stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def working(self) -> bool:
        """Whether a slide is being prepared now."""
        return any(job.state == "running" for job in list(self._jobs.values()))

    def counts(self) -> dict[str, int]:
        """How many run and how many wait."""
        states = [job.state for job in list(self._jobs.values())]
        return {"running": states.count("running"), "waiting": states.count("waiting")}

    def _run(self, job: Job, options: PrepareOptions, when_done: Callable[[], None]) -> None:
        if job.stop.is_set():
            return
        job.state = "running"
        try:
            prepare(self._workspace, job.slide, options, self._runtime, job.report)
        except _CancelledError:
            job.state, job.sentence = "stopped", "Stopped; what is finished is kept, so that it can go on from there."
        except (SlideError, ModelUnavailable) as error:
            job.state, job.sentence = "failed", str(error)
        except Exception:
            log.exception("Preparing %s broke off", job.slide)
            job.state, job.sentence = "failed", "Something broke in SpotWhisperer itself; its log says what."
        else:
            job.note_time()
            job.state = "done"
            when_done()
