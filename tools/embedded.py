"""Spots in a space with text, asked for phrases: scores in SDs of what unrelated phrases reach there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from models.protocols import F32, Weighed
from models.wordings import TextEncoder
from tools.errors import ToolError
from tools.score import against_null, fuse, score

MAX_QUERY = 500  # characters; what is longer is no query
KEPT = 256  # queries
EQUAL = 0.5


@dataclass
class Embedded:
    """Unit `rows` (n, d) of one slide's spots, the `model` that speaks their space, and `unrelated` phrases."""

    rows: F32
    model: TextEncoder
    unrelated: Sequence[str]
    _kept: dict[str, F32] = field(default_factory=dict)

    def scores(self, query: str) -> F32:
        """Score (n,) of every spot, in SDs of unrelated phrases. Raises ToolError for what is no query."""
        query = " ".join(query.split())
        if not query:
            raise ToolError("The query is empty; give a cell type, tissue or process, such as 'T cells'.")
        if len(query) > MAX_QUERY:
            raise ToolError(f"The query has {len(query):,} characters; a phrase of at most {MAX_QUERY} is expected.")
        if query not in self._kept:
            if len(self._kept) > KEPT:
                self._kept.clear()
            cosines = score(self.rows, self.model.encode_text([query]))
            self._kept[query] = against_null(cosines, self._null)[:, 0]
        return self._kept[query]

    def null(self) -> F32:
        """Scores (n, p) of the unrelated phrases themselves: SD 1, mean 0 at every spot."""
        return against_null(self._null, self._null)

    @cached_property
    def _null(self) -> F32:
        return score(self.rows, self.model.encode_text(self.unrelated))


@dataclass
class Fused:
    """Both scorers of one slide together; each query weighs them by how reliable they were for what it is like."""

    molecular: Embedded
    image_text: Embedded

    def scores(self, query: str) -> F32:
        """Score (n,) of every spot, in SDs of unrelated phrases that are fused alike."""
        model = self.image_text.model
        share = model.share(query) if isinstance(model, Weighed) else EQUAL
        values = fuse(self.molecular.scores(query), self.image_text.scores(query), share)
        return np.asarray(values / self._spread(share), np.float32)

    def null(self) -> F32:
        """Scores (n, p) of unrelated phrases, both scorers in equal parts."""
        return np.asarray(fuse(self.molecular.null(), self.image_text.null(), EQUAL) / self._spread(EQUAL), np.float32)

    def _spread(self, share: float) -> float:
        own, other, both = self._moments
        return float(np.sqrt(max((1 - share) ** 2 * own + share**2 * other + 2 * share * (1 - share) * both, 1e-12)))

    @cached_property
    def _moments(self) -> tuple[float, float, float]:
        """Mean squares of both null scores and their mean product."""
        a, b = self.molecular.null(), self.image_text.null()
        return float(np.mean(a * a)), float(np.mean(b * b)), float(np.mean(a * b))
