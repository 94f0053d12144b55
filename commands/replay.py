"""Answers of the trail, run again."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.shared import JsonOption, WorkspaceOption, runtime_of, settings_from, workspace_of
from settings import Settings
from terminal import errors_as_sentences, print_json
from tools.errors import ToolError

if TYPE_CHECKING:
    from agent.replay import Replay


def replay(
    answer: Annotated[
        str | None, typer.Argument(help="Id of an answer, or a file of the trail; default: the last answer.")
    ] = None,
    last: Annotated[bool, typer.Option("--last", help="The last answer.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every answer of the trail.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the tool calls of an answer again, and say whether the numbers are the same (exit code 2 where not)."""
    settings = settings_from(workspace=workspace)
    with errors_as_sentences():
        from agent.replay import replay as run_again

        if sum((answer is not None, last, every)) > 1:
            raise ToolError("Give an answer or a file, or --last, or --all; one of them.")
        folders = (*settings.slide_folders, Path.cwd())
        entries = _entries(settings, answer, every)
        found = [run_again(entry, workspace_of(settings), runtime_of(settings), folders) for entry in entries]
    if as_json:
        shown = [_plain(one) for one in found]
        print_json(shown if every or len(shown) > 1 else shown[0])
    else:
        for one in found:
            typer.echo(_words(one))
    if not all(one.same for one in found):
        raise typer.Exit(2)


def _entries(settings: Settings, answer: str | None, every: bool) -> list[dict[str, Any]]:
    from agent.answer_trail import FILE, FOLDER, Trail, read_entries

    if answer is not None and Path(answer).is_file():
        entries = _of_file(Path(answer), read_entries)
        if not entries:
            raise ToolError(f"{answer} holds no answer; expected a line or a file of {FOLDER}/{FILE}.")
        return entries
    entries = list(Trail(settings.workspace.resolve()).entries())
    if answer is not None:
        entries = [entry for entry in entries if entry["id"] == answer]
        if not entries:
            raise ToolError(f"There is no answer '{answer}' in the trail of this workspace, and no such file.")
    if not entries:
        raise ToolError("No answer was given in this workspace yet (or the setting audit is off).")
    return entries if every else entries[-1:]


def _of_file(path: Path, read_entries: Any) -> list[dict[str, Any]]:
    """One entry written as JSON over several lines, or an entry a line."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        return list(read_entries(path))
    return [whole] if isinstance(whole, dict) and "calls" in whole and "before" in whole else []


def _words(one: "Replay") -> str:
    head = f"{one.id}: {'the same' if one.same else 'DIFFERS'}, {one.compared} calls compared"
    skipped = f", not compared: {', '.join(one.skipped)}" if one.skipped else ""
    lines = [f"{head}{skipped}. {one.question}".rstrip()]
    return "\n".join([*lines, *(f"  - {words}" for words in one.differences), *(f"  note: {n}" for n in one.notes)])


def _plain(one: "Replay") -> dict[str, Any]:
    return {
        "id": one.id, "question": one.question, "same": one.same, "compared": one.compared,
        "skipped": one.skipped, "differences": one.differences, "notes": one.notes,
    }  # fmt: skip
