"""`python app.py benchmark agent`: how well a chat model chooses tools."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.shared import ChatOption, JsonOption, settings_from
from terminal import errors_as_sentences, print_json, progress_bars
from tools.errors import ToolError


def agent(
    chat_model: ChatOption = None,
    half: Annotated[str, typer.Option(help="seen, held_out, or both.")] = "both",
    failures: Annotated[bool, typer.Option(help="List what went wrong.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Score a chat model on the written requests: tool chosen, arguments right, whole conversation right, seconds."""
    settings = settings_from(chat_model=chat_model)
    with errors_as_sentences(), tempfile.TemporaryDirectory() as folder:
        from agent import chat_models
        from agent.evaluation.score import HALVES, evaluate
        from agent.evaluation.stage import build

        halves = HALVES if half == "both" else (half,)
        if not set(halves) <= set(HALVES):
            raise ToolError(f"There is no half '{half}'; known: {', '.join(HALVES)}, both.")
        chat_models.build(settings)
        workspace = build(Path(folder))
        results = []
        with progress_bars() as progress:
            for name in halves:
                results.append(evaluate(workspace, settings, name, lambda done, of, n=name: progress(n, done, of)))  # type: ignore[misc]
    if as_json:
        print_json({r.half: r.figures() | {"failures": _rows(r.failures()) if failures else []} for r in results})
        return
    for result in results:
        typer.echo(f"\n{result.half}")
        for key, value in result.figures().items():
            typer.echo(f"  {key:20} {value:.3g}")
        for row in _rows(result.failures()) if failures else []:
            typer.echo(f"  - [{row['kind']}] {row['ask']}\n      wanted {row['wanted']}\n      made   {row['made']}")


def _rows(failed: list[tuple[str, Any]]) -> list[dict[str, str]]:
    return [{"kind": kind, "ask": r.ask, "wanted": r.wanted, "made": r.made} for kind, r in failed]
