"""One visitor's conversation: the slide that is open, the layers and regions that it made. Never shared."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tools.prepare import PrepareOptions, Runtime
from tools.prepared import PreparedSlide
from tools.regions import Region
from tools.workspace import Workspace

LayerKind = Literal["score", "gene", "category"]


@dataclass(frozen=True)
class Layer:
    """One number per spot of one slide, ready to be drawn.

    `kind` decides the colours: score is diverging and centred at 0 (z-like units), gene is sequential log1p CP10K,
    category holds positions in `labels`, negative or NaN for spots without one.
    """

    id: str
    title: str
    kind: LayerKind
    slide: str
    values: NDArray[np.float32]
    labels: tuple[str, ...] = ()


@dataclass
class Session:
    """State of one conversation.

    `slide` is the open slide once it is prepared; `opened` names the open slide (or its file) from the moment it is
    opened, and `options` says how it will be prepared. Tools hold `lock` while they work.
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

    def add_layer(
        self, title: str, kind: LayerKind, values: NDArray[np.float32], labels: tuple[str, ...] = ()
    ) -> Layer:
        """Keep one value per spot of the open slide under a new id (l1, l2, ...)."""
        assert self.slide is not None
        self.layer_count += 1
        layer = Layer(f"l{self.layer_count}", title, kind, self.slide.name, values, labels)
        self.layers[layer.id] = layer
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
        return kept

    def show(self, name: str, slide: PreparedSlide | None, options: PrepareOptions | None = None) -> None:
        """Make a slide the open one; what referred to the spots of another is forgotten."""
        if slide is None or slide is not self.slide:
            self.regions, self.selection = {}, None
        self.opened, self.slide, self.options = name, slide, options
