"""Arguments as small chat models write them, as the tools take them; and what is wrong with the rest, in a sentence."""

import json
import re
from typing import Any

from langchain_core.tools import BaseTool
from pydantic import ValidationError

_HIDDEN = "runtime"


def repaired(tool: BaseTool, args: dict[str, Any]) -> dict[str, Any]:
    """`args` without nulls for what has a default and without unknown names; lists written as text become lists."""
    fields = _fields(tool)
    return {
        name: _as_list(value) if _takes_list(fields[name].annotation) else value
        for name, value in args.items()
        if name in fields and not (value is None and not fields[name].is_required())
    }


def what_is_wrong(tool: BaseTool, error: ValidationError) -> str:
    """A ValidationError as a sentence: which argument, what was expected, what the tool takes."""
    problems = [
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg'].lower()}"
        for item in error.errors(include_url=False)
    ]
    takes = ", ".join(_fields(tool))
    return f"{tool.name} cannot take these arguments ({'; '.join(problems)}). It takes: {takes or 'nothing'}."


def _fields(tool: BaseTool) -> dict[str, Any]:
    """The arguments that a caller gives, by name."""
    schema: Any = tool.get_input_schema()
    return {name: field for name, field in schema.model_fields.items() if name != _HIDDEN}


def _takes_list(annotation: Any) -> bool:
    return "list[" in str(annotation)


def _as_list(value: Any) -> Any:
    """["a", "b"] from '["a", "b"]', "a, b" or "a and b"."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            text = text.strip("[]")
    return [part.strip(" '\"") for part in re.split(r"\s*[,;/]\s*|\s+and\s+", text) if part.strip(" '\"")]
