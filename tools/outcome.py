"""What became of each slide of a cohort: prepared, unchanged since an earlier run, or failed with a sentence."""

import csv
import time
import traceback
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from models.card import ModelUnavailable
from tools.errors import SlideError, ToolError
from tools.files import atomic, write_json
from tools.manifest import Entry
from tools.prepare import Runtime, run_stages
from tools.workspace import Workspace

PULSE_S = 2.0  # between two notes of how far a slide is
COLUMNS = ("slide", "state", "spots", "genes", "seconds", "error", "path")


@dataclass(frozen=True)
class Outcome:
    """One slide after its turn. `error` is the sentence for the person, `trace` is there where it is our bug."""

    slide: str
    path: str
    state: Literal["prepared", "unchanged", "failed"]
    seconds: float
    spots: int | None = None
    genes: int | None = None
    mpp: float | None = None
    models: str = ""
    error: str = ""
    trace: str = ""


def prepare_entry(workspace: Workspace, entry: Entry, runtime: Runtime) -> Outcome:
    """Prepare one slide of a cohort. What the person can mend is an outcome; everything else propagates."""
    start = time.monotonic()
    pulse = Pulse(pulse_file(workspace, entry.name))
    try:
        state, ran = run_stages(workspace, entry.state, entry.options, runtime, pulse)
    except (SlideError, ToolError, ModelUnavailable) as error:
        return failed(entry, time.monotonic() - start, " ".join(str(error).split()))
    finally:
        pulse.end()
    return Outcome(
        state.name,
        str(state.path),
        "prepared" if ran else "unchanged",
        time.monotonic() - start,
        int(state.facts["spots"]),
        int(state.facts["genes"]),
        state.mpp,
        state.options.models,
    )


def failed(entry: Entry, seconds: float, sentence: str, trace: str = "") -> Outcome:
    """The outcome of a slide that could not be prepared."""
    models = entry.options.models
    return Outcome(entry.name, str(entry.state.path), "failed", seconds, models=models, error=sentence, trace=trace)


def broken(entry: Entry, seconds: float, error: BaseException, trace: str = "") -> Outcome:
    """The outcome of a slide on which SpotWhisperer itself broke; `trace` where it did so in another process."""
    said = " ".join(str(error).split())[:200]
    sentence = f"Something broke in SpotWhisperer itself ({type(error).__name__}: {said})."
    return failed(entry, seconds, sentence, trace or "".join(traceback.format_exception(error)))


class Pulse:
    """Progress of one slide, noted in a file of the workspace from time to time, for whoever runs the cohort."""

    def __init__(self, path: Path) -> None:
        self._path, self._last = path, 0.0
        self._first: int | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take note; `done` and `total` count spots while tiles are embedded."""
        if stage != "embed tiles":
            return
        self._first = done if self._first is None else self._first
        if time.monotonic() - self._last >= PULSE_S:
            self._last = time.monotonic()
            write_json(self._path, {"first": self._first, "done": done, "total": total})

    def end(self) -> None:
        """Note that the slide's turn is over."""
        self._path.unlink(missing_ok=True)


def pulse_file(workspace: Workspace, name: str) -> Path:
    """Where the progress of a slide is noted."""
    return workspace.root / "cohort" / f"{name}.json"


def write_summary(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write outcomes as CSV, by slide."""
    with atomic(path) as part, part.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.DictWriter(stream, COLUMNS, extrasaction="ignore")
        rows.writeheader()
        rows.writerows(as_row(outcome) for outcome in sorted(outcomes, key=lambda o: o.slide))


def as_row(outcome: Outcome) -> dict[str, Any]:
    """An outcome as plain values, seconds to a tenth."""
    row: dict[str, Any] = asdict(outcome)
    return row | {"seconds": round(outcome.seconds, 1)}


def table(outcomes: Iterable[Outcome]) -> str:
    """Outcomes as lines of text: slide, state, spots, genes, seconds, and what went wrong."""
    rows = sorted(outcomes, key=lambda outcome: (outcome.state == "failed", outcome.slide))
    width = max([len("slide"), *(len(row.slide) for row in rows)])
    lines = [f"{'slide':{width}}  {'state':9}  {'spots':>7}  {'genes':>6}  {'seconds':>7}"]
    for row in rows:
        spots = "" if row.spots is None else f"{row.spots:,}"
        genes = "" if row.genes is None else f"{row.genes:,}"
        line = f"{row.slide:{width}}  {row.state:9}  {spots:>7}  {genes:>6}  {row.seconds:7.1f}  {row.error}"
        lines.append(line.rstrip())
    return "\n".join(lines)
