"""Spots in a space with text, asked for phrases: scores in SDs of what unrelated phrases reach there."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from models.protocols import F32, Weighed
from models.wordings import TextEncoder
from tools.errors import ToolError
from tools.score import Null, fuse, score
from tools.texts import encode_once

MAX_QUERY = 500  # characters; what is longer is no query
KEPT = 256  # queries
EQUAL = 0.5


@dataclass
class Embedded:
    """Unit `rows` (n, d) of one slide's spots, the `model` that speaks their space, and `unrelated` phrases."""

    rows: F32
    model: TextEncoder
    unrelated: Sequence[str]
    _kept: OrderedDict[str, F32] = field(default_factory=OrderedDict, repr=False)
    _pairs: dict[int, "_Pair"] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def scores(self, query: str) -> F32:
        """Score (n,) of every spot, in SDs of unrelated phrases. Raises ToolError for what is no query."""
        query = " ".join(query.split())
        if not query:
            raise ToolError("The query is empty; give a cell type, tissue or process, such as 'T cells'.")
        if len(query) > MAX_QUERY:
            raise ToolError(f"The query has {len(query):,} characters; a phrase of at most {MAX_QUERY} is expected.")
        with self._lock:
            if query in self._kept:
                self._kept.move_to_end(query)
                return self._kept[query]
        found = self._null.of(score(self.rows, encode_once(self.model, [query])))[:, 0]
        with self._lock:
            self._kept[query] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def null(self) -> F32:
        """Scores (n, p) of the unrelated phrases themselves: SD 1, mean 0 at every spot."""
        return self._null.scores

    def beside(self, other: "Embedded") -> "_Pair":
        """What the unrelated phrases score here and there, found out once."""
        with self._lock:
            pair = self._pairs.get(id(other))
            if pair is None or pair.image_text is not other:
                pair = self._pairs[id(other)] = _Pair(self, other)
            return pair

    @cached_property
    def _null(self) -> Null:
        return Null(score(self.rows, encode_once(self.model, self.unrelated)))


@dataclass
class Fused:
    """Both scorers of one slide together; each query weighs them by how reliable they were for what it is like."""

    molecular: Embedded
    image_text: Embedded
    um_per_px: float = 0.5

    def scores(self, query: str) -> F32:
        """Score (n,) of every spot, in SDs of unrelated phrases that are fused alike."""
        model = self.image_text.model
        share = model.share(query, self.um_per_px) if isinstance(model, Weighed) else EQUAL
        values = fuse(self.molecular.scores(query), self.image_text.scores(query), share)
        return np.asarray(values / self._spread(share), np.float32)

    def null(self) -> F32:
        """Scores (n, p) of unrelated phrases, both scorers in equal parts."""
        return self.molecular.beside(self.image_text).null

    def _spread(self, share: float) -> float:
        return self.molecular.beside(self.image_text).spread(share)


class _Pair:
    """Unrelated phrases under both scorers of a slide: what fused scores are measured by."""

    def __init__(self, molecular: Embedded, image_text: Embedded) -> None:
        self.molecular, self.image_text = molecular, image_text

    def spread(self, share: float) -> float:
        """SD of fused scores of unrelated phrases where the image counts `share`."""
        own, other, both = self._moments
        return float(np.sqrt(max((1 - share) ** 2 * own + share**2 * other + 2 * share * (1 - share) * both, 1e-12)))

    @cached_property
    def null(self) -> F32:
        """Their fused scores (n, p), both in equal parts."""
        fused = fuse(self.molecular.null(), self.image_text.null(), EQUAL)
        return np.asarray(fused / self.spread(EQUAL), np.float32)

    @cached_property
    def _moments(self) -> tuple[float, float, float]:
        """Mean squares of both null scores and their mean product."""
        a, b = self.molecular.null(), self.image_text.null()
        return float(np.mean(a * a)), float(np.mean(b * b)), float(np.mean(a * b))
