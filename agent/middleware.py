"""What stands between the loop and its tools and chat model: errors as words, bounds, calls written as JSON."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import ModelRequest, ModelResponse, ToolCallRequest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langgraph.types import Command

from agent.server_errors import ChatModelError, sentence_for, server_errors
from tools.errors import ToolError

KEPT_TURNS = 12
_WRAPPING = re.compile(r"</?(?:tool_call|function_call|tools?)>|```(?:json|tool_call)?|<\|[\w]+\|>|\[TOOL_CALLS\]")


class ToolWords(AgentMiddleware[Any, Any, Any]):
    """A ToolError becomes a result that the chat model reads; tools of one session run one after the other."""

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        """Run the tool under the session's lock."""
        context = getattr(request.runtime, "context", None)
        assert context is not None, "the loop runs with a Session as context"
        with context.lock:
            try:
                return handler(request)
            except ToolError as error:
                call = request.tool_call
                return ToolMessage(
                    str(error), tool_call_id=str(call["id"]), name=call["name"], status="error", artifact=[]
                )


class ModelGuard(AgentMiddleware[Any, Any, Any]):
    """Bounds the steps of a turn, reads calls that came as JSON text, turns a server's failure into ChatModelError."""

    def __init__(self, max_calls: int, tool_names: Sequence[str], server: str | None):
        super().__init__()
        self._max_calls, self._tool_names, self._server = max_calls, frozenset(tool_names), server

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Call the chat model, unless this turn has used up its steps."""
        if calls_made(request.messages) >= self._max_calls:
            return ModelResponse(result=[AIMessage(content=stopped(request.messages))])
        if self._server is None:
            return handler(request)
        request = request.override(messages=recent(request.messages))
        try:
            response = handler(request)
        except server_errors() as error:
            raise ChatModelError(sentence_for(error, self._server)) from error
        return ModelResponse(result=[self._checked(message) for message in response.result])

    def _checked(self, message: Any) -> Any:
        if not isinstance(message, AIMessage) or message.tool_calls:
            return message
        calls = calls_in_text(message.text, self._tool_names)
        if calls:
            return message.model_copy(update={"content": "", "tool_calls": calls, "invalid_tool_calls": []})
        problem = (
            "sent a tool call that cannot be read; ask again, or try another model"
            if message.invalid_tool_calls
            else "returned an empty answer; ask again, or try another model"
            if not message.text.strip()
            else "was cut off in the middle of its answer; ask again"
            if not message.response_metadata.get("finish_reason")
            else None
        )
        if problem:
            raise ChatModelError(f"The chat model at {self._server} {problem}.")
        return message


def calls_made(messages: Sequence[AnyMessage]) -> int:
    """Answers of the chat model since the last question."""
    count = 0
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            break
        count += isinstance(message, AIMessage)
    return count


def stopped(messages: Sequence[AnyMessage]) -> str:
    """The answer when the steps of a turn are used up: what was found so far."""
    found = []
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            break
        if isinstance(message, ToolMessage) and message.status != "error" and message.text:
            found.append(message.text.splitlines()[0])
    so_far = " ".join(dict.fromkeys(reversed(found[:4])))
    said = f"So far: {so_far}" if so_far else "No tool has returned anything yet."
    return f"I stopped here, since this took more steps than one question may. {said} Ask for one thing at a time."


def recent(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """The last turns, whole: a chat model never sees a tool result without its call."""
    starts = [i for i, message in enumerate(messages) if isinstance(message, HumanMessage)]
    return list(messages[starts[-KEPT_TURNS] :] if len(starts) > KEPT_TURNS else messages)


def calls_in_text(text: str, tool_names: frozenset[str]) -> list[dict[str, Any]]:
    """Tool calls that a server wrote as JSON into its text; [] when there are none."""
    body = _WRAPPING.sub(" ", text).strip()
    if not body.startswith(("{", "[")):
        return []
    decoder, calls = json.JSONDecoder(), []
    while body:
        try:
            value, end = decoder.raw_decode(body)
        except json.JSONDecodeError:
            return []
        items = value if isinstance(value, list) else [value]
        calls += [call for item in items for call in _as_calls(item, tool_names)]
        body = body[end:].lstrip(" ,;\n")
    return calls


def _as_calls(item: Any, tool_names: frozenset[str]) -> list[dict[str, Any]]:
    if not isinstance(item, dict):
        return []
    if isinstance(item.get("tool_calls"), list):
        return [call for inner in item["tool_calls"] for call in _as_calls(inner, tool_names)]
    function = item["function"] if isinstance(item.get("function"), dict) else item
    name = function.get("name") or function.get("tool") or function.get("function")
    args: Any = next((function[key] for key in ("arguments", "parameters", "args", "input") if key in function), {})
    if isinstance(args, str):
        try:
            args = json.loads(args or "{}")
        except json.JSONDecodeError:
            return []
    if name not in tool_names or not isinstance(args, dict):
        return []
    return [{"name": name, "args": args, "id": f"call_{uuid4().hex[:12]}", "type": "tool_call"}]
