"""What is special about a set of spots, in words: terms that fit it better than the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.protocols import F32
from tools.prepared import PreparedSlide
from tools.vocabulary import TERMS

SAME = 0.01  # SDs of unrelated phrases
STANDS_OUT = 0.95  # share of unrelated phrases that a term must beat to be named
TWIN = 0.90  # correlation of two maps from which on they are one


@dataclass(frozen=True)
class Enriched:
    """A term against a set of spots: mean score inside and outside (SDs of unrelated phrases).

    `z` is the difference in units of the differences that unrelated phrases have between the same two sets, and
    `beats` the share of those phrases whose difference is smaller; `twins` are the other terms that stand out, best
    first, whose maps over the slide are nearly the same, so that the model cannot tell which of them it is.
    """

    term: str
    inside: float
    outside: float
    z: float
    beats: float
    twins: tuple[str, ...] = ()


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
    alike, order = (correlations(maps, maps) >= TWIN) & (beats >= STANDS_OUT), np.argsort(-z, kind="stable")
    return [
        Enriched(
            terms[i], float(inside[i]), float(outside[i]), float(z[i]), float(beats[i]),
            tuple(terms[j] for j in order if j != i and alike[i, j]),
        )
        for i in order
    ]  # fmt: skip


def correlations(a: F32, b: F32) -> NDArray[np.float64]:
    """Pearson correlation of every column of `a` (n, p) with every column of `b` (n, q) -> (p, q); 0 for a flat map."""
    parts = []
    for maps in (a, b):
        centred = np.asarray(maps - maps.mean(axis=0), np.float64)
        norm = np.linalg.norm(centred, axis=0)
        parts.append(centred / np.where(norm < 1e-9, np.inf, norm))
    return np.asarray(parts[0].T @ parts[1])


def same_maps(slide: PreparedSlide, terms: Sequence[str]) -> list[list[str]]:
    """Terms in groups whose maps are nearly that of the first in the group; the order is kept."""
    maps = term_maps(slide, terms)
    alike = correlations(maps, maps) >= TWIN
    groups: list[list[int]] = []
    for i in range(len(terms)):
        home = next((group for group in groups if alike[group[0], i]), None)
        if home is None:
            groups.append([i])
        else:
            home.append(i)
    return [[terms[i] for i in group] for group in groups]


def distinct(terms: Sequence[Enriched]) -> list[Enriched]:
    """Terms without those that say the same as one before them: equal scores inside and outside."""
    kept: list[Enriched] = []
    for term in terms:
        if not any(abs(term.inside - k.inside) + abs(term.outside - k.outside) < SAME for k in kept):
            kept.append(term)
    return kept


def one_per_map(terms: Sequence[Enriched]) -> list[Enriched]:
    """Terms without the twins of one before them, which its `twins` name."""
    kept: list[Enriched] = []
    for term in terms:
        if not any(term.term in k.twins for k in kept):
            kept.append(term)
    return kept


def _mean(maps: F32, rows: NDArray[np.int64]) -> F32:
    return np.asarray(maps[rows].mean(axis=0) if len(rows) else np.zeros(maps.shape[1]), np.float32)
