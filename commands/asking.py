"""Talking to a slide without the page."""

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.shared import (
    ChatOption,
    DeviceOption,
    JsonOption,
    MppOption,
    SlideArgument,
    WorkspaceOption,
    open_or_prepare,
    settings_from,
    trail_of,
    workspace_of,
)
from terminal import errors_as_sentences, print_json, progress_bars, say
from tools.errors import ToolError


def ask(
    slide: SlideArgument,
    question: Annotated[str | None, typer.Argument(help="What you want to know.")] = None,
    script: Annotated[Path | None, typer.Option(help="A conversation: one question a line.")] = None,
    mpp: MppOption = None,
    chat_model: ChatOption = None,
    device: DeviceOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask about a slide: one question, or a whole conversation from a file."""
    settings = settings_from(workspace=workspace, chat_model=chat_model, device=device)
    with errors_as_sentences():
        questions = _questions(question, script)
        from agent import chat_models
        from agent.loop import Conversation
        from agent.session import Session

        chat_models.build(settings)  # a wrong name is refused before a slide is prepared
        prepared = open_or_prepare(settings, slide, mpp)
        conversation = Conversation(
            Session(workspace_of(settings), slide=prepared), settings, trail=trail_of(settings, "command line")
        )
        turns = [_turn(conversation, text, as_json) for text in questions]
    if as_json:
        print_json(turns if script else turns[0])


def _questions(question: str | None, script: Path | None) -> list[str]:
    if (question is None) == (script is None):
        raise ToolError("Give one question, or --script FILE with a question a line.")
    if script is None:
        return [str(question)]
    if not script.is_file():
        raise ToolError(f"There is no file {script}.")
    lines = [line.strip() for line in script.read_text().splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _turn(conversation: Any, question: str, as_json: bool) -> dict[str, Any]:
    """One turn; printed as it comes unless `as_json`."""
    from agent.events import Answer, Progress, ToolFinished

    session = conversation.session
    before = set(session.regions)
    calls: list[dict[str, Any]] = []
    answer = ""
    with progress_bars() as progress:
        for event in conversation.ask(question):
            if isinstance(event, Progress):
                progress(event.stage, event.done, event.total)
            elif isinstance(event, ToolFinished):
                calls.append({"tool": event.tool, "args": event.args, "result": event.words})
                say(f"> {event.tool}({', '.join(f'{name}={value!r}' for name, value in event.args.items())})")
            elif isinstance(event, Answer):
                answer = event.text
                if event.usage:
                    cost = f", {event.usage.cost:.4f} in the price's currency" if event.usage.cost is not None else ""
                    say(f"({event.usage.input_tokens:,} tokens read, {event.usage.output_tokens:,} written{cost})")
    if not as_json:
        typer.echo(answer)
    regions = [
        {"id": r.id, "query": r.query, "spots": len(r.spots), "area_um2": r.area_um2, "area_mm2": r.area_um2 / 1e6,
         "polygons": [ring.round(1).tolist() for ring in r.polygons]}
        for name, r in session.regions.items()
        if name not in before
    ]  # fmt: skip
    return {"question": question, "answer": answer, "calls": calls, "regions": regions}
