"""Scores against labels: one `Judged` per group, scorer and kind of score."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from models.training.metrics import auroc as fast_auroc
from tools.benchmark.config import Config
from tools.benchmark.metrics import (
    F64,
    accuracy,
    auroc,
    average_precision,
    mean_sem,
    resampled_rows,
    weighted,
)
from tools.benchmark.samples import Sample
from tools.benchmark.scored import Role, Scored, Scorer, checked
from tools.benchmark.units import Unit, classes_of, scores_of, units_of


@dataclass(frozen=True)
class Judged:
    """One scorer on one group in one kind of score; u units, c classes.

    `auroc`, `precision` (average precision), `support` (u, c); `weighted`, `macro`, `accuracy` (u,); `seen` (u,) where
    the weights were trained on the unit's patient; `draws` (b, u, c + 2) bootstrap of AUROC, weighted, macro.
    """

    group: str
    scorer: str
    role: Role
    kind: str
    primary: bool
    classes: tuple[str, ...]
    units: tuple[Unit, ...]
    auroc: F64
    precision: F64
    support: F64
    weighted: F64
    macro: F64
    accuracy: F64
    seen: NDArray[np.bool_]
    draws: F64
    confusion: NDArray[np.int64]

    def columns(self) -> F64:
        """(u, c + 2): AUROC of the classes, weighted, macro."""
        return np.concatenate([self.auroc, self.weighted[:, None], self.macro[:, None]], axis=1)


ScoredBy = Mapping[tuple[str, str, str], Scored]
"""(group, scorer, sample) -> scores."""


def score_all(
    config: Config, samples: Sequence[Sample], scorers: Sequence[Scorer]
) -> dict[tuple[str, str, str], Scored]:
    """Scores of every scorer for every sample and group. Raises ToolError for scores that are not finite."""
    found = {}
    for sample in samples:
        for key, group in config.groups.items():
            if key in sample.truths:
                for scorer in scorers:
                    scored = scorer.score(sample, key, group)
                    if scored is not None:
                        found[key, scorer.name, sample.name] = checked(scored, scorer.name, sample.name)
    return found


def judge_all(
    config: Config, samples: Sequence[Sample], scorers: Sequence[Scorer], scored: ScoredBy, draws: int, seed: int
) -> list[Judged]:
    """Every group and scorer in every kind of score."""
    judged: list[Judged] = []
    for key in config.groups:
        units = units_of(config, key, samples)
        rows = [_draws(unit, draws, seed) for unit in units]
        for scorer in scorers:
            judged += _judge(config, key, scorer, samples, scored, list(zip(units, rows, strict=True)))
    return judged


def _draws(unit: Unit, draws: int, seed: int) -> list[NDArray[np.int64]]:
    """Rows of the unit for each draw, the same for every scorer, so that differences are paired."""
    rng = np.random.default_rng([seed, *unit.name.encode()])
    return [resampled_rows(unit.blocks, rng) for _ in range(draws)]


def _judge(
    config: Config, key: str, scorer: Scorer, samples: Sequence[Sample], scored: ScoredBy,
    drawn: Sequence[tuple[Unit, list[NDArray[np.int64]]]],
) -> Iterator[Judged]:  # fmt: skip
    by_name = {sample.name: sample for sample in samples}
    drawn = [(unit, rows) for unit, rows in drawn if (key, scorer.name, unit.sample) in scored]
    if not drawn:
        return
    kinds = {name: scored[key, scorer.name, name].kinds() for name in {unit.sample for unit, _ in drawn}}
    names = list(next(iter(kinds.values())))
    primary = names[1] if config.definition == "presence" else names[0]
    classes = classes_of(config, config.groups[key])
    for kind in names:
        rows_of = [(unit, rows, scores_of(kinds[unit.sample][kind], classes)[unit.rows]) for unit, rows in drawn]
        parts = [_unit(unit, scores, tuple(classes), config) for unit, _, scores in rows_of]
        boot = [_bootstrap(unit, scores, rows if kind == primary else [], config) for unit, rows, scores in rows_of]
        yield Judged(
            key, scorer.name, scorer.role, kind, kind == primary, tuple(classes), tuple(unit for unit, *_ in rows_of),
            np.stack([part[0] for part in parts]), np.stack([part[1] for part in parts]),
            np.stack([unit.positive.sum(axis=0) for unit, *_ in rows_of]).astype(np.float64),
            np.array([part[2] for part in parts]), np.array([part[3] for part in parts]),
            np.array([part[4] for part in parts]),
            np.array([scorer.seen(by_name[unit.sample]) for unit, *_ in rows_of]),
            np.stack(boot, axis=1), np.sum([part[5] for part in parts], axis=0),
        )  # fmt: skip


def _unit(
    unit: Unit, scores: F64, classes: tuple[str, ...], config: Config
) -> tuple[F64, F64, float, float, float, NDArray[np.int64]]:
    """AUROC and average precision by class, weighted, macro, accuracy, confusion (true, predicted)."""
    judged = enough(unit, config.least)
    areas = np.array([auroc(scores[:, j], unit.positive[:, j]) if ok else np.nan for j, ok in enumerate(judged)])
    precision = [average_precision(scores[:, j], unit.positive[:, j]) if ok else np.nan for j, ok in enumerate(judged)]
    empty = np.zeros((len(classes), len(classes)), np.int64)
    if config.definition == "presence":
        return areas, np.array(precision), float("nan"), _mean(areas), float("nan"), empty
    best = np.asarray(classes)[np.argmax(np.where(np.isnan(scores), -np.inf, scores), axis=1)]
    confusion = confusion_matrix(unit.words, best, labels=list(classes))
    support = unit.positive.sum(axis=0).astype(np.float64)
    right = accuracy(scores, unit.words, classes)
    return areas, np.array(precision), weighted(areas, support), _mean(areas), right, confusion


def enough(unit: Unit, least: int) -> NDArray[np.bool_]:
    """Which classes (c,) have `least` spots in a unit, and as many that are not theirs."""
    positive = unit.positive.sum(axis=0)
    return np.asarray((positive >= least) & (len(unit.rows) - positive >= least))


def _bootstrap(unit: Unit, scores: F64, draws: Sequence[NDArray[np.int64]], config: Config) -> F64:
    """(b, c + 2) AUROC by class, weighted, macro of each draw."""
    out = np.full((len(draws), scores.shape[1] + 2), np.nan)
    for b, rows in enumerate(draws):
        s, p = scores[rows], unit.positive[rows]
        areas = np.array(
            [fast_auroc(s[:, j], p[:, j]) if not np.isnan(s[:, j]).any() else np.nan for j in range(s.shape[1])]
        )
        out[b, :-2] = areas
        out[b, -2] = np.nan if config.definition == "presence" else weighted(areas, p.sum(axis=0).astype(np.float64))
        out[b, -1] = _mean(areas)
    return out


def _mean(values: F64) -> float:
    return mean_sem(values).mean
