"""A plan: the tool calls that a request needs, in order, or a reply that needs none."""

from dataclasses import dataclass, field
from typing import Any, Literal

ReplyKind = Literal["tools", "greeting", "thanks", "abilities", "medical", "not_possible", "out_of_scope", "unclear"]


@dataclass(frozen=True)
class FromStep:
    """Stands for the regions that an earlier step of the same plan returns; `prefix` may say "outside "."""

    step: int
    prefix: str = ""


@dataclass(frozen=True)
class Step:
    """One tool call; a value may be a FromStep until that step has run."""

    tool: str
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """Steps to take, or which reply to give.

    `topic` says what the person wants to hear about the steps' results: their verdicts, or how the numbers were made,
    or how far they can be trusted. `corrections` are words that were read as others; `examples` are requests that are
    understood.
    """

    kind: ReplyKind = "tools"
    steps: tuple[Step, ...] = ()
    topic: Literal["result", "method", "trust"] = "result"
    corrections: tuple[tuple[str, str], ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Focus:
    """What the conversation is about, read from its messages.

    `regions` ids of the regions shown last, largest first (or a FromStep for those that this plan will show);
    `region_arg` the words or id that were last passed as a region; `last_steps` the steps of the turn before;
    `slide` the slide that was opened in this conversation, as it was named; `queries` what was outlined, oldest first.
    """

    regions: tuple[str, ...] | FromStep = ()
    region_arg: str = ""
    query: str = ""
    genes: tuple[str, ...] = ()
    last_steps: tuple[Step, ...] = ()
    slide: str = ""
    queries: tuple[str, ...] = ()
