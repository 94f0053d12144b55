"""What is special about a set of spots, in words: terms that fit it better than the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.protocols import F32
from tools.prepared import PreparedSlide
from tools.vocabulary import TERMS

SAME = 0.01  # SDs of unrelated phrases


@dataclass(frozen=True)
class Enriched:
    """A term against a set of spots: mean score inside and outside (SDs of unrelated phrases).

    `z` is the difference in units of the differences that unrelated phrases have between the same two sets, and
    `beats` the share of those phrases whose difference is smaller.
    """

    term: str
    inside: float
    outside: float
    z: float
    beats: float


def term_maps(slide: PreparedSlide, terms: Sequence[str] = TERMS) -> F32:
    """(n, t) scores of every term."""
    return np.stack([slide.text_scores(term) for term in terms], axis=1)


def enriched_terms(
    slide: PreparedSlide,
    rows: NDArray[np.int64],
    versus: NDArray[np.int64] | None = None,
    terms: Sequence[str] = TERMS,
) -> list[Enriched]:
    """All terms, those that set the spots `rows` apart from `versus` (None: all others) most first.

    With no spot on the other side the difference is taken to 0, "like any phrase".
    """
    others = np.setdiff1d(np.arange(len(slide.spots)) if versus is None else versus, rows)
    maps, null = term_maps(slide, terms), slide.null_scores()
    inside, outside = maps[rows].mean(axis=0), _mean(maps, others)
    null_differences = null[rows].mean(axis=0) - _mean(null, others)
    spread = max(float(null_differences.std()), 1e-6)
    z = (inside - outside - null_differences.mean()) / spread
    beats = (null_differences[None] < (inside - outside)[:, None]).mean(axis=1)
    found = [
        Enriched(term, float(inside[i]), float(outside[i]), float(z[i]), float(beats[i]))
        for i, term in enumerate(terms)
    ]
    return sorted(found, key=lambda term: -term.z)


def distinct(terms: Sequence[Enriched]) -> list[Enriched]:
    """Terms without those that say the same as one before them: equal scores inside and outside."""
    kept: list[Enriched] = []
    for term in terms:
        if not any(abs(term.inside - k.inside) + abs(term.outside - k.outside) < SAME for k in kept):
            kept.append(term)
    return kept


def _mean(maps: F32, rows: NDArray[np.int64]) -> F32:
    return np.asarray(maps[rows].mean(axis=0) if len(rows) else np.zeros(maps.shape[1]), np.float32)
