"""What the command line shows: progress bars, sentences for errors, JSON."""

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from tqdm import tqdm

from models.card import ModelUnavailable
from tools.errors import SlideError, ToolError
from tools.logs import event


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr per stage."""
    bars: dict[str, tqdm[Any]] = {}
    begun: dict[str, float] = {}

    def show(stage: str, done: int, total: int) -> None:
        bar = bars.get(stage)
        if bar is None:
            begun[stage] = time.monotonic()
            bar = bars[stage] = tqdm(total=total, desc=f"{stage:17}", file=sys.stderr, leave=True)
        bar.update(done - bar.n)
        if done >= total:
            bar.close()
            if stage in begun:
                event("stage", stage=stage, seconds=round(time.monotonic() - begun.pop(stage), 2), units=total)

    try:
        yield show
    finally:
        for bar in bars.values():
            bar.close()


@contextmanager
def slides_bar(total: int) -> Iterator[Callable[[int, float | None, str], None]]:
    """Lines on stderr about the slides of a cohort, on a terminal over a bar with an estimate of the time left.

    What is yielded takes how many are finished, the seconds left (None where they cannot be told), and a line or "".
    """
    shape = "{desc} {n_fmt}/{total_fmt} |{bar:20}| {elapsed} gone, {postfix}"
    with tqdm(total=total, desc="slides", file=sys.stderr, bar_format=shape, disable=not sys.stderr.isatty()) as bar:

        def show(finished: int, left_s: float | None, line: str) -> None:
            left = "time left not known yet" if left_s is None else f"{_duration(left_s)} left"
            bar.n = finished
            bar.set_postfix_str(left)
            if line:
                tqdm.write(f"[{finished}/{total}] {line}" + (f"; {left}" if finished < total else ""), file=sys.stderr)

        yield show


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes >= 90:
        return f"about {minutes // 60} h {minutes % 60} min"
    return f"about {minutes} min" if minutes > 1 else "less than two minutes"


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Turn what the person can mend into one sentence on stderr and exit code 2."""
    try:
        yield
    except (SlideError, ToolError, ModelUnavailable) as error:
        say(str(error))
        raise typer.Exit(2) from error


def say(text: str) -> None:
    """A line for the person, beside the result."""
    typer.echo(text, err=True)


def print_json(value: Any) -> None:
    """A result for machines; NaN becomes null."""
    typer.echo(json.dumps(_plain(value), indent=1, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
