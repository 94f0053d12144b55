"""What the stages may ask of a model. Arrays in, arrays out; a model owns its preprocessing and its device."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.card import Card

F32 = NDArray[np.float32]


class Rows(Protocol):
    """An array (n, ...) that may lie on disk: parts of it are read by slices of its first axis. Arrays are Rows."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, ...)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> F32: ...


@dataclass(frozen=True)
class TilePlan:
    """How a predictor wants tissue cut.

    `tile_um`: side of the square spot tile (None: the spot's diameter); `tile_px`: side in pixels at which the spot
    tile is read; `sub_grid`: sub-tiles per side (2 gives four sub-tiles of `tile_px / 2`, read from the same pixels; 0
    gives none); `neighbour_um`: distance at which the model expects neighbours, one per compass direction (None:
    the first ring of the spot grid). `native`: the spot tile is cut from level-0 pixels as they are, its side the
    spot's diameter, and nothing is resampled before the encoder does; `tile_px` then only says what scale the model
    expects. `neighbour_box`: neighbours are the spots whose array row and column differ by no more than this (on a
    hexagonal array 1 means the four diagonal ones); it goes before `neighbour_um`.
    """

    tile_um: float | None
    tile_px: int
    sub_grid: int
    neighbour_um: float | None = None
    native: bool = False
    neighbour_box: int | None = None

    @property
    def tiles_per_spot(self) -> int:
        """Encoder passes that a spot costs: itself and its sub-tiles."""
        return 1 + self.sub_grid**2


@runtime_checkable
class ImageEncoder(Protocol):
    """Tiles to vectors."""

    card: ClassVar[Card]

    def encode_image(self, tiles: NDArray[np.uint8]) -> F32:
        """(n, h, w, 3) uint8 RGB, h = w, any side -> (n, card.dim) float32."""
        ...


@runtime_checkable
class Adaptive(Protocol):
    """An encoder whose batches follow the memory of its device."""

    @property
    def trouble(self) -> str:
        """Why it does not run where it was told to, in words; "" where it does."""
        ...

    def tiles_at_once(self, side: int) -> int:
        """Tiles of `side` px that make a batch."""
        ...


@runtime_checkable
class ExpressionPredictor(Protocol):
    """Tile embeddings to expression."""

    card: ClassVar[Card]
    encoder: str  # registry name of the encoder whose embeddings it was trained on
    plan: TilePlan
    genes: tuple[str, ...]  # symbols, in column order
    ensembl_ids: tuple[str, ...]  # "" where unknown
    reliability: F32  # (g,) held-out Pearson per gene, NaN if unknown

    def predict_expression(self, embeddings: F32, neighbours: NDArray[np.int64]) -> F32:
        """Predict log1p CP10K.

        embeddings: (n, 1 + sub_grid**2, d), column 0 the spot tile, then sub-tiles row-major;
        neighbours: (n, m) row numbers of each spot's neighbours, -1 where there is none. Returns (n, g), >= 0.
        """
        ...


@runtime_checkable
class PredictsByParts(Protocol):
    """A predictor that need not hold the expression of a whole slide."""

    def expression_parts(self, embeddings: Rows, neighbours: NDArray[np.int64]) -> Iterator[F32]:
        """What `predict_expression` returns for the same arguments, some consecutive rows at a time."""
        ...


@runtime_checkable
class JointModel(Protocol):
    """Expression and text in one space."""

    card: ClassVar[Card]
    logit_scale: float  # factor on cosines before a softmax over labels

    def embed_expression(self, x: Rows, genes: Sequence[str]) -> F32:
        """(n, g) log1p CP10K of one slide, with its gene symbols -> (n, card.dim), rows of unit norm.

        `x` may lie on disk: it is to be read by slices of rows, never whole.
        """
        ...

    def encode_text(self, texts: Sequence[str]) -> F32:
        """q texts -> (q, card.dim), rows of unit norm."""
        ...

    def null_texts(self) -> tuple[str, ...]:
        """Phrases that have nothing to do with tissue: what a score must exceed to mean anything."""
        ...

    def nearest_terms(self, text: str, k: int = 5) -> list[tuple[str, float]]:
        """The k terms that the model learned which lie nearest to `text`, each with its cosine in [-1, 1]."""
        ...


@runtime_checkable
class ImageTextModel(Protocol):
    """Tissue images and text in one space: the baseline that looks at pixels and never at genes.

    Two steps, so that embeddings that a slide already has are used again: `encoder` names the registered encoder whose
    tile embeddings it takes (its own name where it brings its own), `plan` how it wants tiles cut (`sub_grid` 0).
    """

    card: ClassVar[Card]
    encoder: str
    plan: TilePlan
    logit_scale: float  # factor on cosines before a softmax over labels

    def encode_image(self, tiles: NDArray[np.uint8]) -> F32:
        """(n, h, w, 3) uint8 RGB, h = w, any side -> (n, d_image) float32, not yet of unit norm."""
        ...

    def project_image(self, embeddings: F32) -> F32:
        """(n, d_image) tile embeddings of one whole slide -> (n, card.dim), rows of unit norm."""
        ...

    def encode_text(self, texts: Sequence[str]) -> F32:
        """q texts -> (q, card.dim), rows of unit norm."""
        ...


@runtime_checkable
class Weighed(Protocol):
    """An image-text model whose reliability was measured beside that of the molecular score."""

    def share(self, query: str, um_per_px: float) -> float:
        """How much it counts for a query when both are fused on a slide of this scale, in [0, 1].

        Models that do not say count half.
        """
        ...


@dataclass(frozen=True)
class Calibration:
    """Scores over labels, in SDs of unrelated phrases, divided by `temperature`, give probabilities by a softmax.

    `error`: by how much they were off on tissue of a patient who was left out (expected calibration error).
    """

    temperature: float
    error: float


@runtime_checkable
class Calibrated(Protocol):
    """A joint model for which it was measured, on tissue it had not seen, how far scores over labels may be trusted."""

    def calibration(self, scorer: str, predictor: str | None) -> Calibration | None:
        """How a scorer's scores become probabilities; None where it is not known.

        `predictor` made the expression that is scored; None is measured expression.
        """
        ...
