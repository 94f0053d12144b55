"""Spots of one slide in groups of like transcriptome, each with a caption of terms and genes."""

from dataclasses import dataclass

import anndata
import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from models.protocols import F32
from tools.enrichment import Enriched, distinct, enriched_terms, one_per_map
from tools.errors import ToolError
from tools.prepared import PreparedSlide

FEWEST, MOST = 2, 12
SAMPLE = 2_000  # spots on which the number of clusters is chosen
CLEAR_Z, CAPTION_TERMS, CAPTION_GENES = 1.5, 2, 3
LEAST_FOLD, LEAST_RELIABILITY = 0.1, 0.15


@dataclass(frozen=True)
class Cluster:
    """Spots that are alike: `id` c1, c2, ... largest first; `terms` that fit, best first; `genes` that are high."""

    id: str
    rows: NDArray[np.int64]
    terms: tuple[Enriched, ...]
    genes: tuple[str, ...]

    @property
    def caption(self) -> str:
        """Terms that stand out from unrelated phrases, and genes: "epidermis, stroma; KRT5, KRT14".

        "or" joins a term with one that cannot be told from it on this slide.
        """
        terms = ", ".join(" or ".join((term.term, *term.twins[:1])) for term in self.terms) or "no term stands out"
        return f"{terms}; {', '.join(self.genes)}" if self.genes else terms


@dataclass(frozen=True)
class Clustering:
    """Labels (n,) into `clusters`, and how well apart they are (mean silhouette, -1 to 1)."""

    labels: NDArray[np.int64]
    clusters: tuple[Cluster, ...]
    silhouette: float


def cluster_spots(slide: PreparedSlide, resolution: float = 1.0, n: int | None = None) -> Clustering:
    """K-means in joint space. `n` None takes the number of clusters with the best silhouette, times `resolution`.

    Seeded, so that asking twice gives the same. Raises ToolError where there are too few spots or the number is odd.
    """
    x = np.asarray(slide.adata.obsm["X_joint"], np.float32)
    most = min(MOST if n is None else 30, len(x) - 1)
    if n is not None and not FEWEST <= n <= most:
        raise ToolError(f"{n} clusters are not possible here; expected {FEWEST} to {most}.")
    if most < FEWEST:
        raise ToolError(f"{len(x)} spots are too few to be clustered.")
    if not 0.1 <= resolution <= 5:
        raise ToolError(f"resolution is a factor on the number of clusters between 0.1 and 5, not {resolution:g}.")
    wanted = n or int(np.clip(round(_best_number(x, most) * resolution), FEWEST, most))
    raw = _k_means(x, wanted)
    order = np.argsort(-np.bincount(raw, minlength=wanted), kind="stable")
    labels = np.argsort(order)[raw]
    aurocs = auroc_by_label(slide.adata, labels)
    clusters = tuple(_cluster(slide, labels, number, aurocs[number]) for number in range(int(labels.max()) + 1))
    return Clustering(labels, clusters, _silhouette(x, labels))


def auroc_by_label(data: anndata.AnnData, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(k, g) AUROC of each gene for each label against all other spots, from one ranking of every gene."""
    ranks = stats.rankdata(np.asarray(data.X, np.float32), axis=0)
    out = np.full((int(labels.max()) + 1, data.n_vars), 0.5)
    for number in range(len(out)):
        inside = labels == number
        a, b = int(inside.sum()), int((~inside).sum())
        if a and b:
            out[number] = (ranks[inside].sum(axis=0) - a * (a + 1) / 2) / (a * b)
    return out


def _best_number(x: F32, most: int) -> int:
    rows = np.random.default_rng(0).permutation(len(x))[:SAMPLE]
    part = x[np.sort(rows)]
    tried = {k: _silhouette(part, _k_means(part, k)) for k in range(3, min(most, 8) + 1)}
    return max(tried, key=lambda k: tried[k]) if tried else FEWEST


def _k_means(x: F32, k: int) -> NDArray[np.int64]:
    return np.asarray(KMeans(k, n_init=4, random_state=0).fit_predict(x), np.int64)


def _silhouette(x: F32, labels: NDArray[np.int64]) -> float:
    if not 2 <= len(np.unique(labels)) < len(x):
        return 0.0
    return float(silhouette_score(x, labels, sample_size=min(len(x), SAMPLE), random_state=0))


def _cluster(slide: PreparedSlide, labels: NDArray[np.int64], number: int, auroc: NDArray[np.float64]) -> Cluster:
    rows = np.flatnonzero(labels == number)
    clear = [term for term in enriched_terms(slide, rows) if term.z > CLEAR_Z]
    terms = tuple(one_per_map(distinct(clear))[:CAPTION_TERMS])
    return Cluster(f"c{number + 1}", rows, terms, _genes(slide.adata, rows, auroc))


def _genes(data: anndata.AnnData, rows: NDArray[np.int64], auroc: NDArray[np.float64]) -> tuple[str, ...]:
    """Genes that are higher here and that the model can predict, by distinctness times fold change."""
    x = np.asarray(data.X, np.float32)
    fold = x[rows].mean(axis=0) - np.delete(x, rows, axis=0).mean(axis=0)
    known = np.asarray(data.var["reliability"], np.float64) if "reliability" in data.var else np.full(len(fold), np.nan)
    good = (fold > LEAST_FOLD) & (auroc > 0.6) & ~(known < LEAST_RELIABILITY)
    rank = np.where(good, fold * (2 * auroc - 1), -np.inf)
    best = np.argsort(-rank, kind="stable")[:CAPTION_GENES]
    return tuple(str(data.var_names[i]) for i in best if np.isfinite(rank[i]))
