"""Events of a turn to chat messages: each tool call a folded step, then the answer. Nothing is computed here."""

import json
import re
from collections.abc import Collection
from typing import Any

from agent.events import Answer, AnswerDelta, Artifact, Event, Progress, ToolFinished, ToolStarted
from viewer.inert import inert, readable
from viewer.pictures import REGION, cost, crops, figures, files, places, without_folders

Message = dict[str, Any]

_LIST_END = re.compile(r"(?<=\n)(?P<item>[-*] [^\n]*)\n(?=[^\s\-*|])")
_BAR = 16


def step_title(tool: str, args: dict[str, Any]) -> str:
    """The call as one reads it, in code type: `Highlight region: epidermis, fraction 0.1`."""
    given = [(name, _short(value)) for name, value in args.items() if value not in (None, "")]
    words = ", ".join(value if i == 0 else f"{name} {value}" for i, (name, value) in enumerate(given))
    call = tool.replace("_", " ").capitalize() + (f": {words}" if words else "")
    return f"`{inert(call.replace('`', chr(39)))}`"


def _short(value: Any) -> str:
    """An argument in at most 60 characters."""
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        value = ", ".join(value)
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def progress_words(progress: Progress) -> str:
    """One line with a bar; only the stage where there is nothing to count."""
    if progress.total <= 1:
        return progress.stage
    share = min(max(progress.done / progress.total, 0.0), 1.0)
    full = round(share * _BAR)
    return f"{progress.stage} {'▰' * full}{'▱' * (_BAR - full)} {progress.done:,} of {progress.total:,}"


def link_regions(text: str, known: Collection[str]) -> str:
    """Turn ids of known regions into links that the page's script catches; other words stay as they are."""

    def link(match: re.Match[str]) -> str:
        name = match.group(1)
        return f"[{name}](#{name})" if name in known else match.group(0)

    return REGION.sub(link, text)


def as_markdown(text: str, known: Collection[str]) -> str:
    """Words of a tool or an answer as the chat draws them: lists end where their lines end, regions are links."""
    return link_regions(_LIST_END.sub(r"\g<item>\n\n", inert(text)), known)


class Transcript:
    """The messages of one conversation, in the form that the chat component takes."""

    def __init__(self, visit: str = "") -> None:
        self._visit = visit
        self.messages: list[Message] = []
        self.suggestions: tuple[str, ...] = ()
        self._before: tuple[str, ...] = ()  # suggestions of the last turn, for one that ends early
        self._steps: dict[str, Message] = {}
        self._answer: Message | None = None
        self._streamed = ""
        self._note = ""
        self._places: list[str] = []  # galleries of places and links to files that this turn's answer shows
        self._files: list[str] = []
        self._written: list[Artifact] = []  # what this turn's tools brought

    def question(self, text: str) -> None:
        """Begin a turn with what the person asked."""
        self._steps, self._answer, self._streamed = {}, None, ""
        self._places, self._files, self._written = [], [], []
        self._before, self.suggestions = self.suggestions or self._before, ()
        self.messages.append({"role": "user", "content": inert(text)})

    def say(self, text: str, suggestions: tuple[str, ...] = ()) -> None:
        """A sentence from the page itself, outside any turn."""
        self.messages.append({"role": "assistant", "content": inert(text)})
        self.suggestions = suggestions

    @property
    def title(self) -> str:
        """The first question, in short; empty before it."""
        first = next((message["content"] for message in self.messages if message["role"] == "user"), "")
        first = readable(first)
        return first if len(first) <= 80 else first[:77] + "..."

    @property
    def asked(self) -> int:
        """How many questions the person asked."""
        return sum(message["role"] == "user" for message in self.messages)

    def cut(self, index: int) -> int:
        """Drop the person's message at `index` and all that follows; how many of theirs are left."""
        del self.messages[index:]
        return self.asked

    def note(self, sentence: str) -> None:
        """Something that the page adds to what the next tool says."""
        self._note = sentence

    def add(self, event: Event, regions: Collection[str] = ()) -> None:
        """Show one event. `regions` are the ids that an answer may link to."""
        match event:
            case ToolStarted():
                self._settle_answer()
                self._start(event)
            case Progress():
                self._progress(event)
            case ToolFinished():
                self._finish(event, regions)
            case AnswerDelta():
                self._streamed += event.text
                self._write(inert(self._streamed))
            case Answer():
                seen = crops(event.text, regions, self._visit) + "".join([*self._places, *self._files])
                words = without_folders(event.text, self._written)
                self._write(as_markdown(words, regions) + seen + cost(event))
                self.suggestions = event.suggestions

    def close(self, sentence: str | None = None) -> None:
        """End the turn early: no step is left spinning, and `sentence` says why."""
        for step in self._steps.values():
            if step["metadata"].get("status") == "pending":
                step["metadata"] |= {"status": "done", "log": "stopped"}
                step["content"] = step["content"] or "Stopped before it was done."
        self._steps = {}
        if sentence:
            self.say(sentence, self.suggestions or self._before)

    def _start(self, event: ToolStarted) -> None:
        metadata = {"title": step_title(event.tool, event.args), "status": "pending"}
        self._steps[event.id] = {"role": "assistant", "content": "", "metadata": metadata}
        self.messages.append(self._steps[event.id])

    def _progress(self, event: Progress) -> None:
        pending = [step for step in self._steps.values() if step["metadata"]["status"] == "pending"]
        if pending:
            pending[-1]["content"] = progress_words(event)

    def _finish(self, event: ToolFinished, regions: Collection[str]) -> None:
        if event.id not in self._steps:
            self._start(ToolStarted(event.id, event.tool, event.args))
        step = self._steps[event.id]
        self._written += event.artifacts
        words = without_folders(event.words, self._written) + (f"\n\n{self._note}" if self._note else "")
        self._note = ""
        step["content"] = as_markdown(words, regions) + figures(event.artifacts, self._visit)
        self._places += [places(event.artifacts)]
        self._files += [files(event.artifacts, self._visit)]
        step["metadata"] |= {"status": "done"} | ({"log": "not possible"} if event.failed else {})

    def _settle_answer(self) -> None:
        """Words before a tool call are a message of their own; the answer comes after the calls."""
        self._answer, self._streamed = None, ""

    def _write(self, text: str) -> None:
        if self._answer is None:
            self._answer = {"role": "assistant", "content": ""}
            self.messages.append(self._answer)
        self._answer["content"] = text
