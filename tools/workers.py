"""A cohort on one machine: worker processes, so that a slide that brings its process down brings down no other."""

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing.connection import wait as wait_for
from queue import SimpleQueue

from models.threads import limit_threads
from tools.manifest import Entry
from tools.outcome import Outcome, broken, failed, prepare_entry
from tools.prepare import Runtime
from tools.workspace import Workspace

TRIES = 2  # for a slide whose process died or whose files could not be reached


def prepare_here(
    workspace: Workspace, entries: Sequence[Entry], runtime: Runtime, workers: int = 1
) -> Iterator[Outcome]:
    """Yield the outcome of each slide as it comes, `workers` slides at a time; each gets its share of the cores."""
    threads = max(1, (os.cpu_count() or 1) // workers) if workers > 1 else None
    idle: SimpleQueue[_Worker] = SimpleQueue()
    all_workers = [_Worker(threads) for _ in range(min(workers, len(entries)))]
    for worker in all_workers:
        idle.put(worker)

    def turn(entry: Entry) -> Outcome:
        worker = idle.get()
        try:
            return worker.prepare(workspace, entry, runtime)
        finally:
            idle.put(worker)

    pool = ThreadPoolExecutor(len(all_workers), thread_name_prefix="cohort")
    try:
        waiting: set[Future[Outcome]] = {pool.submit(turn, entry) for entry in entries}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:  # also where the person interrupts: what runs is given up, and goes on from there another time
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in all_workers:
            worker.end()


@dataclass
class _Worker:
    """One process that prepares slide after slide; begun anew after it died."""

    threads: int | None
    _pool: ProcessPoolExecutor | None = field(default=None, repr=False)

    def prepare(self, workspace: Workspace, entry: Entry, runtime: Runtime) -> Outcome:
        """The outcome of one slide, tried again where the cause may have been of the moment."""
        start, error = time.monotonic(), BaseException()
        for _ in range(TRIES):
            turn = self._turn(workspace, entry, runtime)
            if (failure := turn.exception()) is None:
                return turn.result()
            error = failure
            if isinstance(error, BrokenProcessPool):
                self._pool = None
            elif not isinstance(error, OSError):
                break
        if isinstance(error, BrokenProcessPool):
            sentence = f"The process that prepared it died {TRIES} times: out of memory, or killed from outside."
            return failed(entry, time.monotonic() - start, sentence)
        return broken(entry, time.monotonic() - start, error)

    def _turn(self, workspace: Workspace, entry: Entry, runtime: Runtime) -> Future[Outcome]:
        try:
            return self._process().submit(prepare_entry, workspace, entry, runtime)
        except BrokenProcessPool:  # it died while it had nothing to do
            self._pool = None
            return self._process().submit(prepare_entry, workspace, entry, runtime)

    def end(self) -> None:
        """Let go of the process, in the middle of a slide if need be."""
        if self._pool is not None:
            for process in list((self._pool._processes or {}).values()):
                process.terminate()
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _process(self) -> ProcessPoolExecutor:
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, spawn, initializer=_begin, initargs=(self.threads,))
        return self._pool


def _begin(threads: int | None) -> None:
    """In a new process: share the cores, and end when the parent does, however it ends."""
    if threads is not None:
        limit_threads(threads)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_follow, args=(parent.sentinel,), name="follow-parent", daemon=True).start()


def _follow(sentinel: int) -> None:
    wait_for([sentinel])
    os._exit(1)
