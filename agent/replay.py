"""An answer of the trail, its tool calls run again: are the numbers the same?"""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.answer_trail import Entry, call_entry, code_version, models_of, slide_of
from agent.session import Call, Session
from agent.snapshot import session_of
from agent.toolbox.running import run_tool
from tools.errors import ToolError
from tools.prepare import Runtime
from tools.workspace import Workspace

WRITING = frozenset({"export_result", "tile_slide", "infer_expression"})  # never done again only to compare
ABOUT_NOW = frozenset({"list_slides", "open_slide"})  # say how the workspace is, not what a slide shows
CLOSE = 1e-5  # relative; what another processor's rounding may change in a number that is not printed
_NUMBER = re.compile(r"[-−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?", re.I)


@dataclass
class Replay:
    """What came of it. `differences` are about results, `notes` about code, models and slide that are others by now."""

    id: str
    question: str
    compared: int = 0
    skipped: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether every call that was compared said and returned what it did then."""
        return not self.differences


def replay(entry: Entry, workspace: Workspace, runtime: Runtime, folders: tuple[Path, ...] = ()) -> Replay:
    """Run the calls of `entry` again from the state that it tells. Raises SlideError where the slide is gone."""
    session = session_of(entry["before"], workspace, runtime, folders)
    found = Replay(str(entry.get("id", "")), str(entry.get("question", "")))
    for then in entry["calls"]:
        if then["tool"] in WRITING:
            found.skipped.append(then["tool"])
            continue
        now = _again(session, then)
        if then["tool"] in ABOUT_NOW:
            found.skipped.append(then["tool"])
            continue
        found.compared += 1
        found.differences += [f"{then['tool']}: {words}" for words in _compare(then, now)]
    found.notes = _changed(entry, session)
    return found


def _again(session: Session, then: Entry) -> Entry:
    try:
        words, artifacts = run_tool(session, then["tool"], dict(then["args"]))
    except ToolError as error:
        return call_entry(Call(then["tool"], then["args"], str(error), [], failed=True), session.layers)
    return call_entry(Call(then["tool"], then["args"], words, artifacts), session.layers)


def _compare(then: Entry, now: Entry) -> list[str]:
    if bool(then["failed"]) != bool(now["failed"]):
        return [f"{'failed' if now['failed'] else 'worked'} now: {now['words']}"]
    found = []
    if then["words"] != now["words"]:
        found.append(_words_differ(then["words"], now["words"]))
    elif (where := _differs(then["artifacts"], now["artifacts"], "")) is not None:
        found.append(f"said the same, but returned other numbers ({where})")
    elif then["maps"] != now["maps"] and not found:
        found.append("said the same, but drew another map (the scores differ in digits that are not printed)")
    return found


def _words_differ(then: str, now: str) -> str:
    """The first line that differs, then and now."""
    before, after = then.splitlines(), now.splitlines()
    for i in range(max(len(before), len(after))):
        a, b = (lines[i] if i < len(lines) else "(nothing)" for lines in (before, after))
        if a != b:
            same_words = _NUMBER.sub("#", a) == _NUMBER.sub("#", b)
            pairs = zip(_NUMBER.findall(a), _NUMBER.findall(b), strict=False) if same_words else ()
            numbers = ", ".join(f"{x} is {y} now" for x, y in pairs if x != y)
            return numbers or f"said '{a}', says '{b}' now"
    return "the words differ"


def _differs(then: Any, now: Any, where: str) -> str | None:
    """Where two JSON values differ beyond rounding; None where they do not."""
    if isinstance(then, dict) and isinstance(now, dict) and then.keys() == now.keys():
        parts = ((_differs(then[key], now[key], f"{where}.{key}" if where else str(key))) for key in then)
        return next((part for part in parts if part is not None), None)
    if isinstance(then, list | tuple) and isinstance(now, list | tuple) and len(then) == len(now):
        parts = (_differs(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(zip(then, now, strict=True)))
        return next((part for part in parts if part is not None), None)
    if isinstance(then, float) or isinstance(now, float):
        numbers = isinstance(then, float | int) and isinstance(now, float | int)
        close = numbers and (math.isclose(then, now, rel_tol=CLOSE, abs_tol=1e-12) or (then != then and now != now))
        return None if close else f"{where}: {then} then, {now} now"
    return None if then == now else f"{where}: {then} then, {now} now"


def _changed(entry: Entry, session: Session) -> list[str]:
    """What is not as it was: code, the slide's file, models."""
    notes = []
    if entry.get("code") != code_version():
        notes.append(f"the code was {entry.get('code')} and is {code_version()}")
    then, now = entry.get("slide", {}), slide_of(session)
    if then.get("name") == now.get("name") and then.get("fingerprint") != now.get("fingerprint"):
        notes.append(f"the file of slide {then.get('name')} is another")
    models = models_of(session)
    for role, model in entry.get("models", {}).items():
        if models and models.get(role) != model:
            notes.append(f"the {role} was {_named(model)} and is {_named(models.get(role, {}))}")
    return notes


def _named(model: Entry) -> str:
    return f"{model.get('name', 'none')} {str(model.get('sha256', ''))[:8]}".strip()
