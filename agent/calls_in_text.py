"""Tool calls that a server wrote as JSON into its text, as many small models do."""

import json
import re
from typing import Any
from uuid import uuid4

_WRAPPING = re.compile(r"</?(?:tool_call|function_call|tools?)>|```(?:json|tool_call)?|<\|[\w]+\|>|\[TOOL_CALLS\]")


def calls_in_text(text: str, tool_names: frozenset[str]) -> list[dict[str, Any]]:
    """The calls in `text`; [] when there are none or anything else stands there too."""
    body = _WRAPPING.sub(" ", text).strip()
    if not body.startswith(("{", "[")):
        return []
    decoder, calls = json.JSONDecoder(), []
    while body:
        try:
            value, end = decoder.raw_decode(body)
            items = value if isinstance(value, list) else [value]
            calls += [call for item in items for call in _as_calls(item, tool_names)]
        except (ValueError, RecursionError):  # no JSON, numbers of thousands of digits, nested without end
            return []
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
        except (ValueError, RecursionError):  # no JSON, numbers of thousands of digits, nested without end
            return []
    if not isinstance(name, str) or name not in tool_names or not isinstance(args, dict):
        return []
    return [{"name": name, "args": args, "id": f"call_{uuid4().hex[:12]}", "type": "tool_call"}]
