"""One conversation: a question in, events out. The same loop for every chat model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from langchain.agents import create_agent
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    AnyMessage,
    HumanMessage,
    ToolMessage,
    messages_from_dict,
    messages_to_dict,
)
from langchain_core.runnables import RunnableConfig

from agent import chat_models
from agent.answer_trail import Trail
from agent.chat_models import ChatSettings
from agent.consent import held_back_words
from agent.events import Answer, AnswerDelta, Event, Progress, ToolFinished, ToolStarted, Usage
from agent.grounding import unsupported
from agent.middleware import ModelGuard, ToolWords
from agent.prompts import SYSTEM
from agent.server_errors import ChatModelError
from agent.session import Call, Session, Turn
from agent.suggest import suggestions
from agent.toolbox import TOOLS
from tools.errors import ModelUnavailable

MAX_CALLS = 10  # answers of the chat model within one turn
MAX_QUESTION = 4_000  # characters
REMEMBERED = 60  # questions; a chat model is sent fewer


class Conversation:
    """A person and a chat model talking about the slides of one session; remembers what was said."""

    def __init__(
        self, session: Session, settings: ChatSettings, max_calls: int = MAX_CALLS, trail: Trail | None = None
    ):
        self.session, self._trail = session, trail
        self._settings, self._max_calls = settings, max_calls
        self._messages: list[AnyMessage] = []
        self._agent: Any = None
        session.slide_folders = (*settings.slide_folders, Path.cwd())

    def ask(self, question: str, name: str = "", by: str = "") -> Iterator[Event]:
        """Answer one question; the last event is the Answer. Failures of the chat model are told in it.

        `name` and `by` say in the trail which answer this is and who asked.
        """
        turn: list[AnyMessage] = [HumanMessage(question.strip()[:MAX_QUESTION])]
        begun = self._trail.begin(self.session) if self._trail else {}
        finished: list[ToolFinished] = []
        text = "I was interrupted."
        try:
            for event in self._run(turn):
                if isinstance(event, ToolFinished):
                    finished.append(event)
                yield event
            text = self._grounded(turn)
        except (ChatModelError, ModelUnavailable) as error:
            text = str(error)
        finally:
            self._messages += _whole(turn)
            if not isinstance(turn[-1], AIMessage) or turn[-1].tool_calls:
                self._messages.append(AIMessage(text))
            noted = self._noted(turn[0].text, text, finished)
            self.session.add_turn(noted)
            self._forget_oldest()
            if self._trail:
                said = {"id": name, "by": by, "question": noted.question, "answer": text}
                name = self._trail.write(begun, self.session, said, noted.calls)
        yield Answer(text, suggestions(finished, self.session), self._usage(turn), name)

    def rewind(self, questions: int, asked: int | None = None) -> None:
        """Forget all from the person's question number `questions` on; 0 forgets all. `asked`: how many there were."""
        starts = self._starts()
        dropped = min(max((len(starts) if asked is None else asked) - questions, 0), len(starts))
        if dropped:
            del self._messages[starts[-dropped] :]
            del self.session.turns[max(0, len(self.session.turns) - dropped) :]

    def _starts(self) -> list[int]:
        """Where the turns begin that are remembered."""
        return [i for i, message in enumerate(self._messages) if isinstance(message, HumanMessage)]

    def _forget_oldest(self) -> None:
        starts = self._starts()
        if len(starts) > REMEMBERED:
            del self._messages[: starts[-REMEMBERED]]

    def dump(self) -> list[dict[str, Any]]:
        """What was said, as JSON; `restore` takes it back."""
        return messages_to_dict(self._messages)

    def restore(self, said: list[dict[str, Any]]) -> None:
        """Go on from what `dump` wrote."""
        self._messages = cast("list[AnyMessage]", messages_from_dict(said))

    def _run(self, turn: list[AnyMessage]) -> Iterator[Event]:
        """Run the agent on the conversation and `turn`, append what comes to `turn`, and translate it."""
        if self._agent is None:
            self._agent = self._create()
        stream = self._agent.stream(
            {"messages": [*self._messages, *turn]},
            RunnableConfig(recursion_limit=8 * self._max_calls),
            context=self.session,
            stream_mode=["messages", "custom", "updates"],
        )
        deltas = _Deltas()
        for mode, part in stream:
            if mode == "messages":
                yield from deltas.read(part[0])
            elif mode == "custom" and isinstance(part, Progress):
                yield part
            elif mode == "updates":
                for update in part.values():
                    for message in (update or {}).get("messages", []):
                        turn.append(message)
                        yield from _events(message, turn)

    def _noted(self, question: str, answer: str, finished: list[ToolFinished]) -> Turn:
        """The turn as a report will show it, with what this turn itself put on show."""
        session = self.session
        kinds = {artifact["kind"] for event in finished for artifact in event.artifacts}
        layer, regions = session.on_show()
        name = session.slide.name if session.slide else session.opened
        calls = tuple(Call(e.tool, e.args, e.words, e.artifacts, e.failed, e.ms) for e in finished)
        seen = "regions" in kinds or "layer" in kinds
        return Turn(question, answer, name, calls, layer if "layer" in kinds else None, regions if seen else ())

    def _usage(self, turn: list[AnyMessage]) -> Usage | None:
        """Tokens that the server counted in this turn."""
        counted = [m.usage_metadata for m in turn if isinstance(m, AIMessage) and m.usage_metadata]
        if not counted:
            return None
        read, wrote = (sum(int(c[key]) for c in counted) for key in ("input_tokens", "output_tokens"))
        prices = self._settings.chat_price_in, self._settings.chat_price_out
        cost = None
        if prices[0] is not None and prices[1] is not None:
            cost = (read * prices[0] + wrote * prices[1]) / 1e6
        return Usage(read, wrote, cost)

    def _grounded(self, turn: list[AnyMessage]) -> str:
        """The answer; what a chat model says beyond the tools' results is marked."""
        text = str(turn[-1].text)
        if chat_models.server_of(self._settings) is None:
            return text
        if held_back := held_back_words(self.session, str(turn[0].text)):
            text = f"{text}\n\n{held_back}"
        said = [str(message.text) for message in [*self._messages, *turn[:-1]] if not isinstance(message, AIMessage)]
        missing = unsupported(text, said)
        if not missing:
            return text
        return f"{text}\n\n(In no tool result of this conversation: {', '.join(missing[:8])}.)"

    def _create(self) -> Any:
        settings = self._settings
        guard = ModelGuard(
            self._max_calls,
            [tool.name for tool in TOOLS],
            chat_models.server_of(settings),
            chat_models.sees(settings),
            settings.chat_strict,
        )
        return create_agent(
            chat_models.build(settings),
            list(TOOLS),
            system_prompt=SYSTEM,
            middleware=[guard, ToolWords(consent=chat_models.server_of(settings) is not None)],
            context_schema=Session,
        )


class _Deltas:
    """Text as it streams. What may turn out to be a tool call written as JSON is held back."""

    def __init__(self) -> None:
        self._id: str | None = None
        self._text = ""

    def read(self, message: Any) -> Iterator[AnswerDelta]:
        if not isinstance(message, AIMessageChunk) or not message.text:
            return
        if message.id != self._id:
            self._id, self._text = message.id, ""
        before, self._text = self._text, self._text + message.text
        start = self._text.lstrip()
        if start and not start.startswith(("{", "[", "<", "`")):
            held_back = before if not before.strip() or before.lstrip()[0] in "{[<`" else ""
            yield AnswerDelta(held_back + message.text)


def _events(message: AnyMessage, turn: list[AnyMessage]) -> Iterator[Event]:
    if isinstance(message, AIMessage):
        for call in message.tool_calls:
            yield ToolStarted(str(call["id"]), call["name"], dict(call["args"]))
    elif isinstance(message, ToolMessage):
        calls = [call for earlier in turn if isinstance(earlier, AIMessage) for call in earlier.tool_calls]
        args = next((dict(call["args"]) for call in calls if call["id"] == message.tool_call_id), {})
        artifacts = cast("list[dict[str, Any]]", message.artifact or [])
        failed = message.status == "error"
        ms = float(message.response_metadata.get("ms", 0.0))
        yield ToolFinished(message.tool_call_id, message.name or "", args, message.text, artifacts, failed, ms)


def _whole(turn: list[AnyMessage]) -> list[AnyMessage]:
    """The messages of a turn without calls that got no result: servers refuse a conversation that holds one."""
    answered = {message.tool_call_id for message in turn if isinstance(message, ToolMessage)}
    kept: list[AnyMessage] = []
    dropped: set[str | None] = set()
    for message in turn:
        ids = {call["id"] for call in message.tool_calls} if isinstance(message, AIMessage) else set()
        if ids - answered:
            dropped |= ids
        elif not (isinstance(message, ToolMessage) and message.tool_call_id in dropped):
            kept.append(message)
    return kept
