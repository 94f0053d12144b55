"""One visitor's conversation: the slide that is open, the layers and regions that it made. Never shared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic_core import CoreSchema, core_schema

from agent.events import Artifact
from tools.prepare import PrepareOptions, Runtime
from tools.prepared import PreparedSlide
from tools.regions import Region
from tools.workspace import Workspace

if TYPE_CHECKING:
    from agent.answer_trail import Trail

LayerKind = Literal["score", "gene", "category"]
MOST_LAYERS, MOST_PICTURES, MOST_REGIONS, MOST_TURNS = 60, 60, 500, 100  # of one conversation; the oldest go


@dataclass(frozen=True)
class Layer:
    """One number per spot of one slide, ready to be drawn.

    `kind` decides the colours: score is diverging and centred at 0 (z-like units), gene is sequential log1p CP10K,
    category holds positions in `labels`, negative where a spot has none.
    """

    id: str
    title: str
    kind: LayerKind
    slide: str
    values: NDArray[np.float32]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A crop of tissue: PNG bytes and um per pixel."""

    id: str
    title: str
    slide: str
    png: bytes
    mpp: float


@dataclass(frozen=True)
class Call:
    """A tool call of a turn and what it said."""

    tool: str
    args: dict[str, object]
    words: str
    artifacts: list[Artifact]
    failed: bool = False
    ms: float = 0.0


@dataclass(frozen=True)
class Turn:
    """A question, its answer, and what was on show when it was answered; what a report is made of."""

    question: str
    answer: str
    slide: str | None
    calls: tuple[Call, ...] = ()
    layer: Layer | None = None
    regions: tuple[Region, ...] = ()


@dataclass
class Session:
    """State of one conversation.

    `slide` is the open slide once it is prepared; `opened` names the open slide (or its file) from the moment it is
    opened, and `options` says how it will be prepared. Tools hold `lock` while they work. `slide_folders` are the
    folders from which a conversation may open files, beside the workspace and the demo.
    """

    workspace: Workspace
    slide: PreparedSlide | None = None
    layers: dict[str, Layer] = field(default_factory=dict)
    regions: dict[str, Region] = field(default_factory=dict)  # of the open slide, in the order in which they were made
    selection: NDArray[np.int64] | None = None  # rows of the spots that the person selected
    opened: str | None = None
    options: PrepareOptions | None = None
    models: str | None = None  # the model set for slides that were never prepared
    runtime: Runtime = field(default_factory=Runtime)
    lock: RLock = field(default_factory=RLock, repr=False)
    region_count: int = 0
    layer_count: int = 0
    clusters: dict[str, Region] = field(default_factory=dict)  # c1, c2, ... of the last clustering
    pictures: dict[str, Picture] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    shown_layer: str | None = None
    shown_regions: tuple[str, ...] = ()
    slide_folders: tuple[Path, ...] = field(default_factory=lambda: (Path.cwd(),))
    picture_count: int = 0
    held_back: dict[str, str] = field(default_factory=dict)  # tool -> the question in which it was not allowed to run
    trail: "Trail | None" = None  # where the calls of a client without a conversation are noted
    written: list[str] = field(default_factory=list)  # names of the files that this conversation exported

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> CoreSchema:
        """Tools get the session as it is: nothing in it is for a schema."""
        return core_schema.is_instance_schema(cls)

    def add_layer(self, title: str, kind: LayerKind, values: NDArray[np.float32], labels: Iterable[str] = ()) -> Layer:
        """Keep one value per spot of the open slide under a new id (l1, l2, ...)."""
        assert self.slide is not None
        self.layer_count += 1
        layer = Layer(f"l{self.layer_count}", title, kind, self.slide.name, values, tuple(labels))
        self.layers[layer.id] = layer
        for old in [name for name in self.layers if name != self.shown_layer][: max(0, len(self.layers) - MOST_LAYERS)]:
            del self.layers[old]
        return layer

    def add_regions(self, found: Sequence[Region]) -> list[Region]:
        """Keep regions under new ids (r1, r2, ...) in place of those of the same words; an id is never given twice."""
        words = {region.query for region in found}
        self.regions = {name: region for name, region in self.regions.items() if region.query not in words}
        kept = []
        for region in found:
            self.region_count += 1
            kept.append(replace(region, id=f"r{self.region_count}"))
        self.regions |= {region.id: region for region in kept}
        spare = [name for name in self.regions if name not in self.shown_regions][: -len(kept) or None]
        for old in spare[: max(0, len(self.regions) - MOST_REGIONS)]:
            del self.regions[old]
        return kept

    def add_picture(self, title: str, png: bytes, mpp: float) -> Picture:
        """Keep a picture of the open slide under a new id (p1, p2, ...)."""
        assert self.slide is not None
        known = [int(name[1:]) for name in self.pictures]
        self.picture_count = max([self.picture_count, *known]) + 1
        picture = Picture(f"p{self.picture_count}", title, self.slide.name, png, mpp)
        self.pictures[picture.id] = picture
        while len(self.pictures) > MOST_PICTURES:
            del self.pictures[next(iter(self.pictures))]
        return picture

    def add_turn(self, turn: Turn) -> None:
        """Remember a turn for a report; old ones lose their map, and the oldest go."""
        self.turns.append(turn)
        del self.turns[: max(0, len(self.turns) - MOST_TURNS)]
        for i, old in enumerate(self.turns[:-1]):
            if old.layer is not None and old.layer.id not in self.layers:
                self.turns[i] = replace(old, layer=None)

    def note_shown(self, artifacts: Iterable[Artifact]) -> None:
        """Remember what is on show, for "save this"."""
        for artifact in artifacts:
            if artifact["kind"] == "layer":
                self.shown_layer = str(artifact["layer"])
            elif artifact["kind"] == "regions":
                self.shown_regions = tuple(str(name) for name in artifact["regions"])

    def on_show(self) -> tuple[Layer | None, tuple[Region, ...]]:
        """The layer and the regions of the open slide that are shown now."""
        layer = self.layers.get(self.shown_layer or "")
        if layer is not None and (self.slide is None or layer.slide != self.slide.name):
            layer = None
        if layer is not None and self.slide is not None and len(layer.values) != len(self.slide.spots):
            layer = None
        return layer, tuple(self.regions[name] for name in self.shown_regions if name in self.regions)

    def show(self, name: str, slide: PreparedSlide | None, options: PrepareOptions | None = None) -> None:
        """Make a slide the open one; what referred to the spots of another is forgotten."""
        if slide is None or slide is not self.slide:
            self.regions, self.selection, self.clusters = {}, None, {}
            self.shown_layer, self.shown_regions = None, ()
        self.opened, self.slide, self.options = name, slide, options
