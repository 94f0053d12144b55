"""One visitor's conversation: the slide that is open, the layers and regions that it made. Never shared."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tools.prepared import PreparedSlide
from tools.regions import Region
from tools.workspace import Workspace


@dataclass(frozen=True)
class Layer:
    """One number per spot of one slide, ready to be drawn.

    `kind` decides the colours: score is diverging and centred at 0 (z-like units), gene is sequential log1p CP10K.
    """

    id: str
    title: str
    kind: Literal["score", "gene"]
    slide: str
    values: NDArray[np.float32]


@dataclass
class Session:
    """State of one conversation."""

    workspace: Workspace
    slide: PreparedSlide | None = None
    layers: dict[str, Layer] = field(default_factory=dict)
    regions: dict[str, Region] = field(default_factory=dict)
    selection: NDArray[np.int64] | None = None  # rows of the spots that the person selected

    def add_layer(self, title: str, kind: Literal["score", "gene"], values: NDArray[np.float32]) -> Layer:
        """Keep one value per spot of the open slide under a new id (l1, l2, ...)."""
        assert self.slide is not None
        layer = Layer(f"l{len(self.layers) + 1}", title, kind, self.slide.name, values)
        self.layers[layer.id] = layer
        return layer
