"""What an exporter asks of a map: one value per spot, and what kind of value it is."""

from collections.abc import Iterable
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Kind = Literal["score", "gene", "category"]


class MapLayer(Protocol):
    """One value per spot of one slide.

    `kind`: score (diverging, SDs of unrelated phrases), gene (sequential, log1p CP10K) or category (`values` are
    positions in `labels`, negative or NaN for spots without one).
    """

    @property
    def title(self) -> str:
        """What the map shows."""
        ...

    @property
    def kind(self) -> Kind:
        """How its values are read."""
        ...

    @property
    def values(self) -> NDArray[np.float32]:
        """(n,) values."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the categories; empty for the other kinds."""
        ...


def label_of(layer: MapLayer) -> list[str]:
    """The category of each spot as text, "" where it has none."""
    return [layer.labels[int(v)] if np.isfinite(v) and 0 <= v < len(layer.labels) else "" for v in layer.values]


def column_name(layer: MapLayer) -> str:
    """The name of a layer's column: "score: T cells", "gene: KRT14", "category: cluster"; HDF5 allows no slash."""
    return f"{layer.kind}: {layer.title}".replace("/", ",")


def unique_columns(layers: Iterable[MapLayer]) -> dict[str, MapLayer]:
    """Layers by column name; of several with the same name the last stands."""
    return {column_name(layer): layer for layer in layers}
