"""From units to tables: means over samples or patients, intervals, paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.benchmark.config import Config
from tools.benchmark.evaluate import Judged
from tools.benchmark.metrics import F64, Mean, Sign, interval, mean_sem, sign_test, weighted
from tools.benchmark.units import Unit

WEIGHTED, MACRO = "Overall weighted", "Macro"


def averaged(values: F64, units: Sequence[Unit], over: str) -> F64:
    """(u,) or (u, ...) values -> one per unit, or the mean of each patient's units, NaN left out."""
    if over == "samples":
        return values
    patients = list(dict.fromkeys(unit.patient for unit in units))
    member = np.array([patients.index(unit.patient) for unit in units])
    found = [nan_mean(values[member == index]) for index in range(len(patients))]
    return np.stack(found)


def nan_mean(values: F64) -> F64:
    """Mean over the first axis of what is defined; NaN where nothing is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(axis=0)
    count = known.sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


@dataclass(frozen=True)
class Summary:
    """One column of a table: mean (SEM) over samples or patients, and the bootstrap interval of the mean."""

    column: str
    mean: Mean
    low: float
    high: float


def summaries(judged: Judged, config: Config) -> list[Summary]:
    """Every class, then the overall weighted by support, then macro."""
    names = [*judged.classes, WEIGHTED, MACRO]
    over = over_what(config)
    values = averaged(judged.columns(), judged.units, over)
    found = []
    drawn = averaged(np.moveaxis(judged.draws, 1, 0), judged.units, over)  # (units or patients, b, c + 2)
    means = nan_mean(drawn)
    if config.definition == "presence":  # the mean of class means, each over its own images
        means = means.copy()
        means[:, -1] = nan_mean(means[:, :-2].T)
    for j, name in enumerate(names):
        mean = mean_sem(values[:, j])
        if name == MACRO and config.definition == "presence":
            inner = [mean_sem(values[:, k]).mean for k in range(len(judged.classes))]
            mean = Mean(mean_sem(inner).mean, float("nan"), mean.n)
        low, high = interval(means[:, j]) if len(means) else (float("nan"), float("nan"))
        found.append(Summary(name, mean, low, high))
    return found


def over_what(config: Config) -> str:
    """What is averaged over: samples, patients, or images (each its own unit)."""
    return config.average_over if config.definition == "spots" else "samples"


@dataclass(frozen=True)
class Difference:
    """How much higher `first` is than `second` in one column, paired by unit or patient."""

    group: str
    first: str
    second: str
    column: str
    mean: float
    low: float
    high: float
    sign: Sign


def differences(first: Judged, second: Judged, config: Config) -> list[Difference]:
    """Paired over the units and classes that both have: mean, bootstrap interval, exact sign test; classes and overall.

    A class that one of them cannot score (a floor that never saw its label) counts for neither.
    """
    names = [[unit.name for unit in part.units] for part in (first, second)]
    shared = [name for name in names[0] if name in names[1]]
    if not shared:
        return []
    a, b = ([listed.index(name) for name in shared] for listed in names)
    units, support, over = [first.units[index] for index in a], first.support[a], over_what(config)
    values = averaged(_with_overall(first.auroc[a] - second.auroc[b], support, config), units, over)
    n_classes = len(first.classes)
    gaps = first.draws[:, a, :n_classes] - second.draws[:, b, :n_classes]
    drawn = [nan_mean(averaged(_with_overall(gap, support, config), units, over)) for gap in gaps]
    columns = np.stack(drawn) if drawn else np.zeros((0, n_classes + 2))
    means = nan_mean(values)
    if config.definition == "presence":  # the mean of class means, as in the tables
        means[-1] = float(nan_mean(means[:n_classes]))
        columns[:, -1] = nan_mean(columns[:, :n_classes].T)
    return [
        Difference(
            first.group, first.scorer, second.scorer, name, float(means[j]), *interval(columns[:, j]),
            sign_test(values[:, j]),
        )
        for j, name in enumerate([*first.classes, WEIGHTED, MACRO])
    ]  # fmt: skip


def _with_overall(gaps: F64, support: F64, config: Config) -> F64:
    """(u, c) differences by class -> (u, c + 2) with those weighted by support and macro."""
    overall = [
        np.nan if config.definition == "presence" else weighted(row, n) for row, n in zip(gaps, support, strict=True)
    ]
    return np.concatenate([gaps, np.array(overall)[:, None], nan_mean(gaps.T)[:, None]], axis=1)


def all_differences(judged: Sequence[Judged], config: Config) -> list[Difference]:
    """Every model against every other scorer, in the primary kind of score."""
    primary = [part for part in judged if part.primary]
    found = []
    for i, first in enumerate(primary):
        for j, second in enumerate(primary):
            twice = second.role == "model" and j < i
            if first.role == "model" and i != j and not twice and first.group == second.group:
                found += differences(first, second, config)
    return found
