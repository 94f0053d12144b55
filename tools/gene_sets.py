"""Gene sets as maps: sets by name or by list, scored against genes of like expression."""

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import anndata
import numpy as np
from numpy.typing import NDArray

from tools.errors import ToolError
from tools.genes import gene_values

LEAST_GENES = 2
BINS, CONTROLS = 25, 50  # as Tirosh et al. 2016 (Science 352:189) draw control genes from bins of like expression


@dataclass(frozen=True)
class SetScore:
    """A gene set on a slide: `values` (n,) in SDs of the same score for random genes of like expression.

    `missing` genes that are not on the slide; `coherence` mean correlation of each gene with the sum of the others;
    `chance` what random sets of this size reach in the mean; `reliability` mean over the genes, NaN if unknown.
    """

    name: str
    genes: tuple[str, ...]
    missing: tuple[str, ...]
    values: NDArray[np.float32]
    coherence: float
    chance: float
    reliability: float
    source: str = ""


def named_sets() -> dict[str, tuple[str, ...]]:
    """Every set by name."""
    return {name: tuple(entry["genes"]) for name, entry in _table().items()}


def set_names() -> dict[str, str]:
    """Every name under which a set is known, with the name under which it stands."""
    names = {other: name for name, entry in _table().items() for other in entry["names"]}
    return names | {name: name for name in _table()}


def find_set(name: str) -> tuple[str, tuple[str, ...], str]:
    """(name, genes, source) of the set called `name`. Raises ToolError with the known names."""
    wanted = re.sub(r"\b(?:the|gene|genes|set|signature|score|programme|program|pathway)\b", " ", name.lower())
    wanted = " ".join(wanted.split())
    by_name = set_names()
    found = by_name.get(wanted) or by_name.get(wanted.removesuffix("s"))
    if found is None:
        near = difflib.get_close_matches(wanted, list(by_name), n=3, cutoff=0.7)
        hint = f" Nearest: {', '.join(dict.fromkeys(by_name[other] for other in near))}." if near else ""
        known = ", ".join(_table())
        raise ToolError(f"There is no gene set called '{name}'.{hint} Known sets: {known}. Or give a list of genes.")
    return found, tuple(_table()[found]["genes"]), str(_table()[found]["source"])


def score_gene_set(data: anndata.AnnData, genes: Sequence[str], name: str = "", source: str = "") -> SetScore:
    """Mean z of the set's genes minus that of control genes of like mean expression, over the SD of random sets.

    Raises ToolError where fewer than two of the genes are on the slide.
    """
    wanted = list(dict.fromkeys(gene.strip() for gene in genes if gene.strip()))
    found, missing = _split(data, wanted)
    if len(found) < LEAST_GENES:
        raise ToolError(
            f"A gene set needs at least {LEAST_GENES} genes that are predicted; of {', '.join(wanted) or 'none'}, "
            f"{', '.join(found) or 'none'} is. For one gene ask for its map."
        )
    x = np.asarray(data.X, np.float64)
    spread = x.std(axis=0)
    z = (x - x.mean(axis=0)) / np.where(spread > 1e-9, spread, 1.0)
    columns = np.asarray([data.var_names.get_loc(gene) for gene in found])
    pools = _pools(x.mean(axis=0), columns)
    rng = np.random.default_rng(0)
    drawn = [rng.choice(pool, min(CONTROLS, len(pool)), replace=False) for pool in pools]
    control = np.mean([z[:, others].mean(axis=1) for others in drawn], axis=0)
    random_sets = [np.asarray([rng.choice(pool) for pool in pools]) for _ in range(CONTROLS)]
    null = np.stack([z[:, chosen].mean(axis=1) - control for chosen in random_sets])
    raw = z[:, columns].mean(axis=1) - control
    values = (raw - raw.mean()) / max(float(null.std()), 1e-6)
    chance = float(np.mean([_coherence(z[:, chosen]) for chosen in random_sets]))
    return SetScore(
        name or ", ".join(found[:4]), tuple(found), tuple(missing), values.astype(np.float32),
        _coherence(z[:, columns]), chance, _reliability(data, columns), source,
    )  # fmt: skip


@cache
def _table() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return table


def _split(data: anndata.AnnData, wanted: list[str]) -> tuple[list[str], list[str]]:
    found, missing = [], []
    for gene in wanted:
        try:
            found.append(gene_values(data, gene)[0])
        except ToolError:
            missing.append(gene)
    return list(dict.fromkeys(found)), missing


def _pools(mean: NDArray[np.float64], columns: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """For each gene the others in its bin of mean expression."""
    rank = np.argsort(np.argsort(mean, kind="stable"), kind="stable")
    bins = rank * min(BINS, max(1, len(mean) // 20)) // len(mean)
    pools = [np.setdiff1d(np.flatnonzero(bins == bins[column]), columns) for column in columns]
    rest = np.setdiff1d(np.arange(len(mean)), columns)
    return [pool if len(pool) else (rest if len(rest) else columns) for pool in pools]


def _reliability(data: anndata.AnnData, columns: NDArray[np.int64]) -> float:
    if "reliability" not in data.var:
        return float("nan")
    known = np.asarray(data.var["reliability"], np.float64)[columns]
    return float(np.nanmean(known)) if np.isfinite(known).any() else float("nan")


def _coherence(z: NDArray[np.float64]) -> float:
    """Mean correlation of each column with the sum of the others; 0 where nothing varies."""
    total = z.sum(axis=1)
    parts = []
    for column in z.T:
        rest = total - column
        spread = float(column.std() * rest.std())
        shared = float(((column - column.mean()) * (rest - rest.mean())).mean())
        parts.append(shared / spread if spread > 1e-12 else 0.0)
    return float(np.mean(parts))
