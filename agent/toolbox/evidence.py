"""Whether a phrase says anything about a slide: against unrelated phrases, and against broad terms of tissue."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.protocols import F32
from tools.enrichment import TWIN, correlations, term_maps
from tools.prepared import PreparedSlide
from tools.vocabulary import BROAD

UNKNOWN, SAME = 0.55, 0.75  # cosine to the nearest known term: below, a phrase is unknown; above, it means the same
CLEAR, WEAK = 0.95, 0.50  # share of unrelated phrases that a phrase's peak must exceed; a half is what chance gives
RELATED = 0.70  # cosine of two phrases from which on a like map is no surprise


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
    that is like it but not the same; `twin` is a better known term with nearly the same map, and their correlation.
    """

    beats: float
    phrases: int
    nearest: tuple[str, ...] = ()
    read_as: str = ""
    twin: tuple[str, float] | None = None

    @property
    def doubtful(self) -> bool:
        """Whether the doubt should be said before anything else."""
        return bool(self.nearest) or self.beats < CLEAR or self.twin is not None

    @property
    def absent(self) -> bool:
        """Whether the map is no better than chance or the phrase is unknown: nothing should be outlined for it."""
        return bool(self.nearest) or self.beats < WEAK

    def words(self, title: str) -> str:
        """A verdict in a sentence or two; which strength it has decides what is said."""
        beaten = round(self.beats * self.phrases)
        which = f"all {self.phrases}" if beaten == self.phrases else f"{beaten} of {self.phrases}"
        rank = f"its best spots score higher than those of {which} unrelated phrases"
        if self.nearest:
            return f"I do not know the term '{title}'; the nearest that I know: {', '.join(self.nearest)}."
        if self.read_as:
            rank += f" (I read it by the nearest term that I know, '{self.read_as}')"
        if self.beats < WEAK:
            doubt = "so it may be absent here, or not be seen by these models"
            return f"'{title}' does not separate from chance: {rank}, {doubt}."
        if self.twin is not None:
            term, r = self.twin
            return (
                f"On this slide '{title}' cannot be told from '{term}': their maps are nearly the same (correlation "
                f"{r:.2f}). Against chance, {rank}."
            )
        if self.beats < CLEAR:
            return f"The signal for '{title}' is weak: {rank}, so look at the tissue before you rely on it."
        return f"It stands out from chance ({rank}), and no broad term of another meaning has nearly the same map."


def _peaks(scores: F32) -> NDArray[np.float64]:
    """Mean of the best 5 % of the spots, per column (n, q)."""
    k = min(max(3, round(0.05 * len(scores))), len(scores))
    return np.asarray(np.partition(scores, len(scores) - k, axis=0)[len(scores) - k :].mean(axis=0), np.float64)


def null_peaks(slide: PreparedSlide, differences: bool = False) -> NDArray[np.float64]:
    """Peaks that unrelated phrases reach on this slide; with `differences`, those of one phrase minus another."""
    maps = slide.null_scores()
    return _peaks(maps - np.roll(maps, 1, axis=1) if differences else maps)


def evidence(
    slide: PreparedSlide, query: str, values: F32, null: NDArray[np.float64] | None = None, twins: bool = True
) -> Evidence:
    """Compare `values` (n,), the scores of `query`, with unrelated phrases (`null_peaks`) and with broad terms."""
    null = null_peaks(slide) if null is None else null
    beats = float((null < _peaks(values[:, None])[0]).mean())
    nearest = nearest_terms(slide, query)
    best = nearest[0][1] if nearest else 1.0
    if best < UNKNOWN:
        return Evidence(beats, len(null), tuple(term for term, _ in nearest))
    read_as = nearest[0][0] if best < SAME else ""
    return Evidence(beats, len(null), (), read_as, _twin(slide, query, values, null) if twins else None)


def _twin(slide: PreparedSlide, query: str, values: F32, null: NDArray[np.float64]) -> tuple[str, float] | None:
    """The broad term, standing out itself, whose map is nearly that of `query` though it means something else."""
    maps = term_maps(slide, BROAD)
    there = (null[:, None] < _peaks(maps)).mean(axis=0) >= CLEAR
    alike = np.asarray(slide.joint.encode_text(list(BROAD)) @ slide.joint.encode_text([query])[0], np.float64)
    r = np.where(there & (alike < RELATED), correlations(values[:, None], maps)[0], -1.0)
    best = int(r.argmax())
    return (BROAD[best], float(r[best])) if r[best] >= TWIN else None


def nearest_terms(slide: PreparedSlide, text: str) -> list[tuple[str, float]]:
    """Known terms nearest to `text` with their cosines; [] when it names a gene or the model cannot tell."""
    if not isinstance(slide.joint, KnowsTerms) or any(word in slide.adata.var_names for word in text.split()):
        return []
    return slide.joint.nearest_terms(text, 3)
