"""Run the written requests through a chat model on real tools, and count what came out right."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import numpy as np

from agent.chat_models import ChatSettings
from agent.evaluation.matching import Call, Shown, plain, same_calls
from agent.evaluation.stage import SLIDES, restore
from agent.events import Answer, ToolFinished
from agent.loop import Conversation
from agent.session import Session
from tools.prepared import load_prepared
from tools.workspace import Workspace

HALVES = ("seen", "held_out")
SELECTED = 40  # spots in a selection
_REPLIES = {
    "medical": r"\b(?:not|cannot|can't|unable|don't|no)\b",
    "out_of_scope": r"\b(?:not|cannot|can't|only|outside|unable|don't)\b",
    "not_possible": r"\b(?:not|cannot|can't|no|unable|don't)\b",
    "refused": r"\b(?:not|cannot|can't|won't|only|outside|don't|unable)\b",
    "unclear": r"understand|mean|rephras|clarif|not sure|do not know|don't know|\?",
}


@dataclass(frozen=True)
class Judged:
    """One request of a conversation: what was wanted and made, whether tools, arguments and all of it were right.

    `seconds` the whole turn, `model_seconds` without its tools.
    """

    ask: str
    wanted: str
    made: str
    tools_right: bool
    right: bool
    seconds: float
    model_seconds: float


@dataclass(frozen=True)
class Result:
    """All conversations of one half, each a kind and its judged requests."""

    half: str
    conversations: list[tuple[str, list[Judged]]] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Shares of requests and conversations that are right, and seconds a turn."""
        judged = [request for _, requests in self.conversations for request in requests]
        seconds = sorted(request.seconds for request in judged)
        return {
            "requests": len(judged),
            "tools_right": float(np.mean([request.tools_right for request in judged])),
            "requests_right": float(np.mean([request.right for request in judged])),
            "conversations": len(self.conversations),
            "conversations_right": float(np.mean([all(r.right for r in rs) for _, rs in self.conversations])),
            "seconds_median": seconds[len(seconds) // 2],
            "planning_ms_median": 1000 * float(np.median([r.model_seconds for r in judged])),
            "planning_ms_95": 1000 * float(np.quantile([r.model_seconds for r in judged], 0.95)),
        }

    def failures(self) -> list[tuple[str, Judged]]:
        """Requests that went wrong, with their kind."""
        return [(kind, r) for kind, requests in self.conversations for r in requests if not r.right]


def requests_of(half: str) -> list[dict[str, Any]]:
    """The written conversations of one half."""
    text = (resources.files("agent.evaluation") / f"{half}.json").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text)
    return found


def evaluate(
    workspace: Workspace,
    settings: ChatSettings,
    half: str,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Result:
    """Every conversation of a half, each in a session of its own on the first slide of the stage."""
    result, written = Result(half), requests_of(half)
    for number, item in enumerate(written):
        result.conversations.append((item["kind"], list(_converse(workspace, settings, item))))
        restore(workspace)
        progress(number + 1, len(written))
    return result


def _converse(workspace: Workspace, settings: ChatSettings, item: dict[str, Any]) -> Iterator[Judged]:
    slide = load_prepared(workspace, SLIDES[0])
    session = Session(workspace, slide=slide, opened=slide.name, models="fake")
    if item.get("selection"):
        session.selection = np.arange(SELECTED)
    talk, queries, shown = Conversation(session, settings), dict[str, str](), Shown()
    for turn in item["turns"]:
        made: list[Call] = []
        before: list[Shown] = []
        text, started, in_tools = "", time.perf_counter(), 0.0
        clock = started
        for event in talk.ask(turn["ask"]):
            now = time.perf_counter()
            if isinstance(event, ToolFinished):
                in_tools += now - clock
                made.append((event.tool, event.args))
                before.append(shown)
                shown = _after(shown, event, session)
                queries |= {region.id: region.query for region in session.regions.values()}
            elif isinstance(event, Answer):
                text = event.text
            clock = now
        seconds = time.perf_counter() - started
        right = _right(turn, made, before, queries, text)
        said = "; ".join(f"{tool}({', '.join(f'{k}={v!r}' for k, v in args.items())})" for tool, args in made)
        wanted = turn.get("reply") or json.dumps(_options(turn)[0])
        yield Judged(turn["ask"], wanted, said or plain(text)[:80], *right, seconds, seconds - in_tools)


def _after(shown: Shown, event: ToolFinished, session: Session) -> Shown:
    """What stands on the slide after a call."""
    regions = [a["regions"] for a in event.artifacts if a["kind"] == "regions" and a["regions"]]
    words = next((str(event.args[k]) for k in ("query", "region", "region_a") if event.args.get(k)), "")
    if regions:
        ids = tuple(regions[-1])
        return Shown(ids, session.regions[ids[0]].query)
    return Shown((), words) if event.args.get("query") else shown


def _options(turn: dict[str, Any]) -> list[list[Call]]:
    return [[(tool, args) for tool, args in option] for option in turn.get("or", [turn.get("calls", [])])]


def _right(
    turn: dict[str, Any], made: list[Call], before: list[Shown], queries: dict[str, str], text: str
) -> tuple[bool, bool]:
    """Whether the tools are right, and whether all is; a reply is right when it calls nothing and says what it must."""
    if "reply" in turn:
        right = not made and bool(text) and bool(re.search(_REPLIES.get(turn["reply"], ""), text, re.I))
        return right, right
    tools = sorted(tool for tool, _ in made)
    tools_right = any(sorted(tool for tool, _ in option) == tools for option in _options(turn))
    return tools_right, any(same_calls(option, made, before, queries) for option in _options(turn))
