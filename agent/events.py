"""What one turn of the conversation yields, in order. The page and the command line only translate these."""

from dataclasses import dataclass, field
from typing import Any

Artifact = dict[str, Any]
"""Plain JSON types; arrays stay in the session and are named by id.

{"kind": "layer", "layer": "l1"}                         colour the spots by session.layers["l1"] (also categories)
{"kind": "regions", "regions": ["r1", "r2"]}             outline session.regions[...] and no others; [] clears
{"kind": "genes", "region": "r1", "versus": "rest", "rows": [{"gene", "log2fc", "auroc", "p_adj", "reliability"}]}
{"kind": "slide", "slide": "demo"}                       another slide is now open
{"kind": "slides", "rows": [{"slide", "state", "spots", ...}]}
{"kind": "clusters", "layer": "l2", "rows": [{"id", "caption", "spots", "share", "terms", "genes"}]}
{"kind": "composition", "layer": "l3", "rows": [{"label", "share", "spots", "clear"}], "none": share that no label fits}
{"kind": "terms", "region": "r1", "versus": "rest", "rows": [{"term", "inside", "outside", "z", "beats"}]}
{"kind": "relation", "a", "b", "rows": [{"measure", "value", "unit"}]}
{"kind": "hits", "query": words, "rows": [{"slide", "spot", "x", "y", "score"}], "slides": [{"slide", ...}]}
{"kind": "image", "image": "p1", "title", "mpp"}         session.pictures["p1"].png
{"kind": "file", "path", "name", "format", "bytes"}      a file that was written
A tool returns a list of these.
"""


@dataclass(frozen=True)
class ToolStarted:
    """The chat model called a tool."""

    id: str
    tool: str
    args: dict[str, Any]


@dataclass(frozen=True)
class Progress:
    """A tool is at work: `done` of `total` units of `stage`."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class ToolFinished:
    """A tool returned. `failed` is set when the words are a ToolError's."""

    id: str
    tool: str
    args: dict[str, Any]
    words: str
    artifacts: list[Artifact] = field(default_factory=list)
    failed: bool = False
    ms: float = 0.0


@dataclass(frozen=True)
class AnswerDelta:
    """A piece of the answer, as it streams."""

    text: str


@dataclass(frozen=True)
class Usage:
    """What a turn took of a chat model's server: tokens, and their price where the settings know it."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None


@dataclass(frozen=True)
class Answer:
    """The whole answer; always the last event of a turn. `usage` is None where no server was asked.

    `id` names the answer in the trail of answers and in the log.
    """

    text: str
    suggestions: tuple[str, ...] = ()
    usage: Usage | None = None
    id: str = ""


Event = ToolStarted | Progress | ToolFinished | AnswerDelta | Answer
