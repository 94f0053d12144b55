"""Whether tool calls are those that a request needs: phrases, regions and numbers compared by what they mean."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.toolbox.running import tool_named

Call = tuple[str, dict[str, Any]]

REGION_ARGS = ("region", "region_a", "region_b", "versus")
FREE_ARGS = ("path", "top_k", "n", "resolution", "fraction")  # may be given though nobody asked
_ARTICLES = re.compile(r"\b(?:the|a|an|any|some|my)\b")


@dataclass(frozen=True)
class Shown:
    """What a conversation had shown before a call: ids of the last outlines, and the words they answered."""

    ids: tuple[str, ...] = ()
    words: str = ""


def plain(text: str) -> str:
    """A phrase without case, articles, punctuation and plural."""
    found = re.findall(r"[\w+-]+", _ARTICLES.sub(" ", text.lower()))
    return " ".join(word.removesuffix("s") if len(word) > 3 else word for word in found)


def same_calls(
    wanted: Sequence[Call], made: Sequence[Call], shown: Sequence[Shown], queries: Mapping[str, str]
) -> bool:
    """Whether the calls `made` are those `wanted`, in any order, none missing and none more.

    `shown[i]` is what stood on the slide before call i; `queries` the words of every region by id.
    """
    if len(wanted) != len(made):
        return False
    open_ = list(range(len(made)))
    for call in wanted:
        fit = next((i for i in open_ if same_call(call, made[i], shown[i], queries)), None)
        if fit is None:
            return False
        open_.remove(fit)
    return True


def same_call(wanted: Call, made: Call, shown: Shown, queries: Mapping[str, str]) -> bool:
    """Whether one call means the same as another; arguments that are left out have their defaults."""
    if wanted[0] != made[0]:
        return False
    properties = tool_named(wanted[0]).tool_call_schema.model_json_schema()["properties"]  # type: ignore[union-attr]
    for name in set(wanted[1]) | set(made[1]):
        default = properties.get(name, {}).get("default")
        value = made[1].get(name, default)
        if name not in wanted[1]:
            if name not in FREE_ARGS and value not in (default, "", None, []) and not _is_default(name, value):
                return False
        elif not _same(name, wanted[1][name], value, shown, queries):
            return False
    return True


def _is_default(name: str, value: Any) -> bool:
    return name == "slides" and value == "all"


def _same(name: str, wanted: Any, value: Any, shown: Shown, queries: Mapping[str, str]) -> bool:
    if isinstance(wanted, list):
        return isinstance(value, list) and sorted(plain(str(v)) for v in value) == sorted(plain(v) for v in wanted)
    if isinstance(wanted, int | float):
        return isinstance(value, int | float) and math.isclose(float(value), float(wanted))
    text = str(value or "")
    if name in REGION_ARGS:
        return any(_same_region(option, text, shown, queries) for option in wanted.split("|"))
    if name == "path":
        return text.rpartition("/")[2] == str(wanted)
    return plain(text) in {plain(option) for option in wanted.split("|")}


def _same_region(wanted: str, value: str, shown: Shown, queries: Mapping[str, str]) -> bool:
    if wanted.startswith("outside "):
        inner = re.sub(r"^(?:everything )?(?:outside|not in|except)(?: of)? ", "", value, flags=re.I)
        return inner != value and _same_region(wanted.removeprefix("outside "), inner, shown, queries)
    ids = region_ids(value)
    if wanted == "@last":
        return set(ids) == set(shown.ids) if ids else bool(shown.words) and plain(value) == plain(shown.words)
    if re.fullmatch(r"@\d", wanted):
        position = int(wanted[1]) - 1
        return position < len(shown.ids) and ids == [shown.ids[position]]
    if ids:
        return {plain(queries.get(name, "")) for name in ids} == {plain(wanted)}
    return plain(value.replace("cluster ", "c")) == plain(wanted)


def region_ids(text: str) -> list[str]:
    """Ids of regions in an argument: "r1, r3-r5" -> r1, r3, r4, r5; [] for words."""
    if not re.fullmatch(r"\s*r\d+(?:\s*(?:,|-|and|to|\s)\s*r\d+)*\s*", text, re.I):
        return []
    ids: list[str] = []
    for first, last in re.findall(r"r(\d+)(?:\s*(?:-|to)\s*r(\d+))?", text, re.I):
        ids += [f"r{number}" for number in range(int(first), int(last or first) + 1)]
    return ids
