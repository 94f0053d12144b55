"""Whether a phrase says anything about a slide: its map against those of unrelated phrases, and terms it resembles."""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.protocols import F32, JointModel
from tools.prepared import PreparedSlide
from tools.score import against_null, score

UNKNOWN, SAME = 0.55, 0.75  # cosine to the nearest known term: below, a phrase is unknown; above, it means the same
CLEAR, WEAK = 0.95, 0.70  # share of unrelated phrases that a phrase's peak must exceed


@runtime_checkable
class KnowsTerms(Protocol):
    """A joint model that can say which of its training terms a text is like."""

    def nearest_terms(self, text: str, k: int = 5) -> list[tuple[str, float]]:
        """The k known terms nearest to `text`, with cosine similarity."""
        ...


@dataclass(frozen=True)
class Evidence:
    """How far a phrase's map stands out.

    `beats` is the share of `phrases` unrelated phrases whose best 5 % of spots score lower than the phrase's best 5 %;
    `nearest` are known terms when the phrase is like none of them; `read_as` is the one that stands in for a phrase
    that is like it but not the same.
    """

    beats: float
    phrases: int
    nearest: tuple[str, ...] = ()
    read_as: str = ""

    @property
    def doubtful(self) -> bool:
        """Whether the doubt should be said before anything else."""
        return bool(self.nearest) or self.beats < CLEAR

    def words(self, title: str) -> str:
        """A verdict in a sentence; which strength it has decides what is said."""
        beaten = round(self.beats * self.phrases)
        which = f"all {self.phrases}" if beaten == self.phrases else f"{beaten} of {self.phrases}"
        rank = f"its best spots score higher than those of {which} unrelated phrases"
        if self.nearest:
            terms = ", ".join(self.nearest)
            unknown = (
                f"I do not know the term '{title}', so take the map as a guess; nearest terms that I know: {terms}."
            )
            return f"{unknown} Here {rank}."
        if self.read_as:
            rank += f" (I read it by the nearest term that I know, '{self.read_as}')"
        if self.beats >= CLEAR:
            return f"That is a clear signal: {rank}."
        if self.beats >= WEAK:
            return f"The signal for '{title}' is weak: {rank}, so look at the tissue before you rely on it."
        return f"'{title}' does not separate from chance: {rank}, so it may well be absent here."


@lru_cache(maxsize=4)
def _null_vectors(joint: Hashable) -> F32:
    assert isinstance(joint, JointModel)
    return joint.encode_text(joint.null_texts())


def _peaks(scores: F32) -> NDArray[np.float64]:
    """Mean of the best 5 % of the spots, per column (n, q)."""
    k = max(3, round(0.05 * len(scores)))
    k = min(k, len(scores))
    return np.asarray(np.partition(scores, len(scores) - k, axis=0)[len(scores) - k :].mean(axis=0), np.float64)


def null_peaks(slide: PreparedSlide, differences: bool = False) -> NDArray[np.float64]:
    """Peaks that unrelated phrases reach on this slide; with `differences`, those of one phrase minus another."""
    cosines = score(np.asarray(slide.adata.obsm["X_joint"], np.float32), _null_vectors(cast(Hashable, slide.joint)))
    maps = against_null(cosines, cosines)
    return _peaks(maps - np.roll(maps, 1, axis=1) if differences else maps)


def evidence(slide: PreparedSlide, query: str, values: F32, null: NDArray[np.float64]) -> Evidence:
    """Compare the peak of `values` (n,), the scores of `query`, with those of unrelated phrases (`null_peaks`)."""
    beats = float((null < _peaks(values[:, None])[0]).mean())
    nearest = nearest_terms(slide, query)
    best = nearest[0][1] if nearest else 1.0
    unknown = tuple(term for term, _ in nearest) if best < UNKNOWN else ()
    return Evidence(beats, len(null), unknown, nearest[0][0] if UNKNOWN <= best < SAME else "")


def nearest_terms(slide: PreparedSlide, text: str) -> list[tuple[str, float]]:
    """Known terms nearest to `text` with their cosines; [] when it names a gene or the model cannot tell."""
    if not isinstance(slide.joint, KnowsTerms) or any(word in slide.adata.var_names for word in text.split()):
        return []
    return slide.joint.nearest_terms(text, 3)
