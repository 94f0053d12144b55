"""A LangChain chat model with tool calling and no LLM behind it."""

import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import ConfigDict

from agent.offline.answer import compose
from agent.offline.history import Done, Turn, read_turn
from agent.offline.plan import FromStep, Plan, Step
from agent.offline.planner import Planner
from agent.offline.slots import region_ids


class OfflineChat(BaseChatModel):
    """Plans with a grammar and sentence embeddings, calls one tool at a time, answers with what the tools said."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    planner: Planner

    @property
    def _llm_type(self) -> str:
        return "offline"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The same model; which tools there are is in the planner's grammar."""
        return self.bind(tools=list(tools), **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._respond(messages))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        message = self._respond(messages)
        if message.tool_calls:
            pieces = [AIMessageChunk(content="", tool_calls=message.tool_calls)]
        else:
            pieces = [AIMessageChunk(content=piece) for piece in re.findall(r".+?(?:\s+|\Z)", message.text, re.S)]
        for piece in pieces:
            yield ChatGenerationChunk(message=piece)

    def _respond(self, messages: list[BaseMessage]) -> AIMessage:
        turn = read_turn(messages)
        plan = self.planner.plan(turn.question, turn.focus)
        step = next_step(plan, turn)
        if step is None:
            return AIMessage(content=compose(plan, turn.done, turn.said))
        call_id = f"call_{uuid.uuid4().hex[:12]}"
        call = {"name": step.tool, "args": step.args, "id": call_id, "type": "tool_call"}
        return AIMessage(content="", tool_calls=[call])


def next_step(plan: Plan, turn: Turn) -> Step | None:
    """The next tool call of the plan, None when it is through.

    Where a tool said that the slide is not prepared, preparing it comes first and the tool is called again. A step
    that needs the regions of one that failed is left out.
    """
    results: dict[int, Done] = {}
    at, prepared = 0, False
    for number, call in enumerate(turn.done, 1):
        at = _next_possible(plan, at, results)
        wanted = plan.steps[at].tool if at < len(plan.steps) else None
        if call.step.tool == "infer_expression" != wanted:
            if call.failed:
                return None
            continue
        if call.failed and "infer_expression" in call.words and not prepared:
            prepared = True
            if number == len(turn.done):
                return Step("infer_expression")
            continue
        results[at] = call
        at += 1
    at = _next_possible(plan, at, results)
    return _resolved(plan.steps[at], results) if at < len(plan.steps) else None


def _next_possible(plan: Plan, at: int, results: dict[int, Done]) -> int:
    while at < len(plan.steps) and _resolved(plan.steps[at], results) is None:
        at += 1
    return at


def _resolved(step: Step, results: dict[int, Done]) -> Step | None:
    """The step with ids in place of references; None where those regions do not exist."""
    args = dict(step.args)
    for key, value in args.items():
        if isinstance(value, FromStep):
            source = results.get(value.step)
            if source is None or source.failed:
                return None
            if source.regions:
                args[key] = value.prefix + region_ids(source.regions)
            elif "does not separate from chance" in source.words:  # not outlined, but it can still be asked about
                args[key] = value.prefix + str(source.step.args["query"])
            else:
                return None
    return Step(step.tool, args)
