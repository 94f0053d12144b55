"""Many slides at once: a folder or a table of them, on this machine or on a Ray cluster."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from commands.shared import runtime_of, workspace_of
from settings import QUIET, ROOT, Settings
from terminal import print_json, say, slides_bar
from tools.errors import SlideError

if TYPE_CHECKING:
    from tools.manifest import Entry
    from tools.outcome import Outcome
    from tools.prepare import Runtime
    from tools.workspace import PrepareOptions, Workspace

ENGINES = ("local", "ray")
GLANCE_S = 5.0  # between two looks at how far the running slides are


@dataclass(frozen=True)
class Engine:
    """Where a cohort is prepared; all but `workers` is for Ray."""

    name: str = "local"
    workers: int = 1
    address: str | None = None
    encoders: int | None = None
    gpus: float | None = None
    cpus: float | None = None
    slides: int = 2

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise SlideError(f"There is no engine '{self.name}'; known: {', '.join(ENGINES)}.")


def prepare_cohort(
    settings: Settings, places: Sequence[str], options: "PrepareOptions", engine: Engine, as_json: bool
) -> None:
    """Prepare every slide that these places name, print what became of each, and end with 2 where some failed."""
    from dataclasses import replace

    from models.registry import model_set, require
    from tools.manifest import read_manifest, unused_columns
    from tools.outcome import table

    workspace, runtime = workspace_of(settings), runtime_of(settings)
    entries = read_manifest(places, workspace, options)
    for models in {entry.options.models for entry in entries}:
        require(model_set(models), runtime.models_dir)
    if ignored := unused_columns(places):
        say(f"Columns that say nothing about a slide's preparation: {', '.join(ignored)}.")
    indexed = runtime.chroma_url is not None
    outcomes = _outcomes(workspace, entries, replace(runtime, index=indexed), engine)
    found = _watched(workspace, entries, outcomes)
    if not indexed:
        _index(workspace, {entry.options.models for entry in entries}, runtime)
    if as_json:
        print_json([_json(workspace, outcome) for outcome in found])
    else:
        typer.echo(table(found))
    _end(found)


def _outcomes(
    workspace: "Workspace", entries: "Sequence[Entry]", runtime: "Runtime", engine: Engine
) -> "Iterator[Outcome]":
    if engine.name == "local":
        from tools.workers import prepare_here

        return prepare_here(workspace, entries, runtime, engine.workers)
    try:
        from tools.cohort import Cluster, prepare_on_ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise SlideError(
            "The engine ray needs the package ray: `python setup_env.py --cohort`, or pip install 'ray>=2.40,<3'."
        ) from error
    cluster = Cluster(
        engine.address,
        engine.encoders,
        engine.gpus,
        engine.cpus,
        engine.slides,
        environment=QUIET | {"PYTHONPATH": str(ROOT)},
    )
    return prepare_on_ray(workspace, entries, runtime, cluster)


def _watched(workspace: "Workspace", entries: "Sequence[Entry]", outcomes: "Iterable[Outcome]") -> "list[Outcome]":
    """Collect outcomes, telling of each on stderr, and keep the summary of the workspace up to date."""
    from tools.forecast import Forecast
    from tools.outcome import write_summary

    found: list[Outcome] = []
    forecast, lock = Forecast(workspace, entries), threading.Lock()
    with slides_bar(len(entries)) as show:

        def tell(line: str) -> None:
            with lock:
                show(len(found), forecast.left_s(), line)

        with _every(GLANCE_S, lambda: tell("")):
            for outcome in outcomes:
                with lock:
                    found.append(outcome)
                    forecast.finish(outcome)
                if outcome.trace:
                    say(outcome.trace)
                what = f"{outcome.spots:,} spots, {outcome.seconds:.0f} s" if outcome.spots else outcome.error
                tell(f"{outcome.slide}: {outcome.state}, {what}")
                write_summary(workspace.root / "cohort.csv", found)
    return found


@contextmanager
def _every(seconds: float, work: Callable[[], None]) -> Iterator[None]:
    """Do something from time to time while the block runs."""
    over = threading.Event()

    def again() -> None:
        while not over.wait(seconds):
            work()

    thread = threading.Thread(target=again, name="glances", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _index(workspace: "Workspace", sets: Iterable[str], runtime: "Runtime") -> None:
    """Bring the index of these model sets up to date: an embedded Chroma has one writer, which is this process."""
    from tools.search import open_index, searchable

    for models in sorted(sets):
        if searchable(workspace, models):
            open_index(workspace, models, runtime)


def _json(workspace: "Workspace", outcome: "Outcome") -> dict[str, Any]:
    """As `prepare` prints a slide, and what became of it."""
    done = outcome.state != "failed"
    return {
        "slide": outcome.slide,
        "path": outcome.path,
        "state": outcome.state,
        "spots": outcome.spots,
        "genes": outcome.genes,
        "mpp": outcome.mpp,
        "folder": str(workspace.folder(outcome.slide)) if done else None,
        "models": outcome.models,
        "seconds": round(outcome.seconds, 1),
        "error": outcome.error or None,
    }


def _end(outcomes: "Sequence[Outcome]") -> None:
    """Say how it went; exit code 1 where something of ours broke, 2 where slides failed for a reason of theirs."""
    lost = [outcome for outcome in outcomes if outcome.state == "failed"]
    made = sum(outcome.state == "prepared" for outcome in outcomes)
    same = len(outcomes) - len(lost) - made
    say(f"{len(outcomes)} slides: {made} prepared, {same} unchanged, {len(lost)} failed.")
    if lost:
        raise typer.Exit(1 if any(outcome.trace for outcome in lost) else 2)
