"""Which genes set a region apart, and where a gene is high."""

import difflib
from dataclasses import dataclass

import anndata
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tools.errors import ToolError

PSEUDO_CP10K = 0.1  # added to both means before the ratio, so that genes near zero do not win
MAX_SPOTS = 5_000  # per side; beyond, a seeded sample says the same


@dataclass(frozen=True)
class GeneStat:
    """A gene inside against outside: log2 ratio of mean CP10K, AUROC, Benjamini-Hochberg p, the model's reliability."""

    gene: str
    log2fc: float
    auroc: float
    p_adj: float
    reliability: float


def top_genes(
    data: anndata.AnnData, rows: NDArray[np.int64], versus: NDArray[np.int64] | None = None, n: int = 10
) -> list[GeneStat]:
    """Genes higher in spots `rows` than in `versus` (None: all other spots), best first.

    AUROC and p by the Mann-Whitney U test with normal approximation and tie correction, adjusted by Benjamini and
    Hochberg (1995). Order: fold change times distinctness (2 AUROC - 1) times the gene's held-out reliability, so
    that genes which the model cannot predict do not lead. Raises ToolError where either side has fewer than 3 spots.
    """
    inside = np.unique(rows)
    outside = np.setdiff1d(np.arange(data.n_obs) if versus is None else versus, inside)
    if versus is not None and len(versus) >= 3 > len(outside):
        raise ToolError("Nearly every spot of the second region lies in the first as well: nothing is left to compare.")
    if min(len(inside), len(outside)) < 3:
        raise ToolError(
            f"A comparison needs at least 3 spots on each side; {len(inside)} are inside and {len(outside)} outside."
        )
    x_in, x_out = _sample(data, inside), _sample(data, outside)
    fold = np.log2((np.expm1(x_in).mean(axis=0) + PSEUDO_CP10K) / (np.expm1(x_out).mean(axis=0) + PSEUDO_CP10K))
    auroc, p = _mann_whitney(x_in, x_out)
    p_adj = stats.false_discovery_control(p)
    reliability = _reliability(data)
    weight = np.where(np.isfinite(reliability), np.clip(reliability, 0.01, None), 0.1)
    rank = np.where((fold > 0) & (auroc > 0.5), fold * (2 * auroc - 1) * weight, -np.inf)
    best = [i for i in np.argsort(-rank, kind="stable")[:n] if np.isfinite(rank[i])]
    names = data.var_names
    return [
        GeneStat(str(names[i]), float(fold[i]), float(auroc[i]), float(p_adj[i]), float(reliability[i])) for i in best
    ]


def gene_values(data: anndata.AnnData, gene: str) -> tuple[str, NDArray[np.float32]]:
    """(symbol, log1p CP10K (n,)) of a gene, upper or lower case. Raises ToolError with the nearest names otherwise."""
    names = [str(name) for name in data.var_names]
    by_upper = {name.upper(): name for name in reversed(names)}
    found = by_upper.get(gene.strip().upper())
    if found is None:
        near = difflib.get_close_matches(gene.strip().upper(), list(by_upper), n=4, cutoff=0.6)
        hint = f" Nearest names that it does: {', '.join(by_upper[name] for name in near)}." if near else ""
        raise ToolError(f"The model does not predict the gene '{gene}' ({len(names):,} genes it does).{hint}")
    return found, np.asarray(data.X[:, names.index(found)], np.float32).ravel()


def _sample(data: anndata.AnnData, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    if len(rows) > MAX_SPOTS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MAX_SPOTS, replace=False))
    return np.asarray(data.X[rows], np.float32)


def _reliability(data: anndata.AnnData) -> NDArray[np.float64]:
    if "reliability" not in data.var:
        return np.full(data.n_vars, np.nan)
    return np.asarray(data.var["reliability"], np.float64)


def _mann_whitney(
    x_in: NDArray[np.float32], x_out: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AUROC (g,) and two-sided p (g,) of each column; p is 1 for a column without variation."""
    with np.errstate(divide="ignore", invalid="ignore"):  # float64: in float32 small p underflow to 0
        test = stats.mannwhitneyu(x_in.astype(np.float64), x_out.astype(np.float64), axis=0, method="asymptotic")
    auroc = np.asarray(test.statistic, np.float64) / (len(x_in) * len(x_out))
    return auroc, np.nan_to_num(np.asarray(test.pvalue, np.float64), nan=1.0)
