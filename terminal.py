"""What the command line shows: progress bars, sentences for errors, JSON."""

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from tqdm import tqdm

from models.card import ModelUnavailable
from tools.errors import SlideError, ToolError


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr per stage."""
    bars: dict[str, tqdm[Any]] = {}

    def show(stage: str, done: int, total: int) -> None:
        bar = bars.get(stage)
        if bar is None:
            bar = bars[stage] = tqdm(total=total, desc=f"{stage:17}", file=sys.stderr, leave=True)
        bar.update(done - bar.n)
        if done >= total:
            bar.close()

    try:
        yield show
    finally:
        for bar in bars.values():
            bar.close()


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
