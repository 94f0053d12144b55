"""Judging the whole road, H&E to text, on tissue of which nothing was seen."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score

from models.protocols import F32
from models.training.metrics import auroc
from tools.held_out_scores import Asked

KEPT_APART = ("fat", "T cells", "collagen", "epidermis")
LEAST = 5
RANDOM_SETS = 100
SET_SIZE = 15
APART = "correlation of maps (absolute, fat / T cells / collagen / epidermis)"


def evaluate_search(asked: Iterable[Asked], seed: int) -> dict[str, float]:
    """What scorers and sets of random genes reach on held-out sections that were asked KEPT_APART as well, by fold.

    AUROC of every query against all spots, and among the spots outside the largest class; balanced accuracy of the
    best label; how alike maps of unrelated queries are. Means over the sections of a fold.
    """
    found: dict[str, list[float]] = {}
    rng = np.random.default_rng(seed)
    for section in asked:

        def note(name: str, value: float | None, fold: str = section.fold) -> None:
            if value is not None:
                found.setdefault(f"{fold}, {name}", []).append(value)

        for kind, scores in section.scores.items():
            for query, value in aurocs(section, scores):
                note(f"{kind}, {query}", value)
            for query, value in aurocs(section, scores, minority=True):
                note(f"{kind}, {query}, outside the largest class", value)
            note(f"{kind}, balanced accuracy", accuracy(section, scores))
        for kind in ("molecular", "image-text", "fused"):
            upper = np.asarray(np.corrcoef(section.further[kind].T))[np.triu_indices(len(KEPT_APART), 1)]
            note(f"{kind}, {APART}", float(np.abs(upper).mean()))
        if section.predicted is not None:
            for name, value in _random_sets(section, section.predicted, rng):
                note(name, value)
    return {name: float(np.mean(values)) for name, values in found.items()}


def aurocs(section: Asked, scores: F32, *, minority: bool = False) -> list[tuple[str, float]]:
    """AUROC per query with enough spots on both sides; `minority` leaves out the spots of the largest class."""
    found = []
    counts = (section.truth == 1).sum(axis=0)
    largest = section.truth[:, counts.argmax()] == 1
    for j, query in enumerate(section.queries):
        known = (section.truth[:, j] >= 0) & ~(largest & minority)
        positive = section.truth[known, j] == 1
        if LEAST <= positive.sum() <= len(positive) - LEAST:
            found.append((query, auroc(scores[known, j], positive)))
    return found


def accuracy(section: Asked, scores: F32) -> float | None:
    """Balanced accuracy of the best label, scores standardised per label; None with fewer than two labels."""
    rows, label, columns = labelled(section)
    if len(columns) < 2:
        return None
    own = scores[:, columns]
    own = (own - own.mean(axis=0)) / np.maximum(own.std(axis=0), 1e-6)
    return float(balanced_accuracy_score(label, own[rows].argmax(axis=1)))


def labelled(section: Asked) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows with exactly one of the labels that at least LEAST spots have, its number, and those labels' columns."""
    columns = np.flatnonzero((section.truth == 1).sum(axis=0) >= LEAST)
    own = section.truth[:, columns] == 1
    rows = np.flatnonzero(own.sum(axis=1) == 1)
    return rows, own[rows].argmax(axis=1), columns


def _random_sets(section: Asked, predicted: F32, rng: np.random.Generator) -> Sequence[tuple[str, float]]:
    """Means and 95th percentiles of what sets of random genes reach in the place of the queries."""
    sets = [rng.choice(predicted.shape[1], (len(section.queries), SET_SIZE)) for _ in range(RANDOM_SETS)]
    scores = [np.stack([predicted[:, genes].mean(axis=1) for genes in some], axis=1) for some in sets]
    reached: dict[str, list[float]] = {}
    for values in scores:
        for query, value in aurocs(section, values):
            reached.setdefault(query, []).append(value)
        right = accuracy(section, values)
        if right is not None:
            reached.setdefault("balanced accuracy", []).append(right)
    found = [(f"random genes, {name}", float(np.mean(values))) for name, values in reached.items()]
    return found + [
        (f"random genes, {name}, 95th percentile", float(np.percentile(values, 95))) for name, values in reached.items()
    ]
