"""Words as directions in gene space, smoothed by how genes vary together across cell types."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
SMOOTHING = 1.5


def unit(rows: NDArray[np.floating]) -> F32:
    """Rows of unit norm; a zero row stays zero."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-9), np.float32)


def class_profiles(
    x: F32, cell_types: Sequence[str], studies: Sequence[str], patterns: Mapping[str, str]
) -> dict[str, F32]:
    """Profiles (p, g) log1p CP10K, NaN where absent -> counts per 10,000 of each class, (g,).

    A profile counts for the first class whose pattern its cell type matches. Logs are averaged within a study and then
    over studies, so that no data set and no single cell type dominates; genes that a class never measured are 0.
    """
    free = np.ones(len(cell_types), bool)
    profiles: dict[str, F32] = {}
    for name, pattern in patterns.items():
        rows = np.array([bool(re.search(pattern, cell_type.lower())) for cell_type in cell_types]) & free
        free &= ~rows
        per_study = [_mean_where_known(x[rows & (np.array(studies) == study)]) for study in sorted(set(studies))]
        known = np.stack([mean for mean in per_study if mean.size])
        profiles[name] = np.expm1(np.nan_to_num(_mean_where_known(known))).astype(np.float32)
    return profiles


def profile_contrasts(profiles: Mapping[str, F32], gene_scale: F32) -> dict[str, F32]:
    """Class profiles (g,) in counts per 10,000 -> what sets each apart, unit rows (g,).

    The log profile minus the mean log profile over all classes, in units of `gene_scale` (g,).
    """
    logs = np.log1p(np.stack(list(profiles.values())))
    apart = unit((logs - logs.mean(axis=0)) / gene_scale)
    return dict(zip(profiles, apart, strict=True))


def _mean_where_known(x: F32) -> F32:
    if not len(x):
        return np.zeros(0, np.float32)
    known = np.isfinite(x)
    count = known.sum(axis=0)
    total = np.where(known, x, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def standardised_profiles(x: F32, studies: Sequence[str]) -> F32:
    """Profiles (p, g) against the mean of their own study, in SD of each gene over all profiles; absent genes 0."""
    z = np.zeros_like(x)
    for study in sorted(set(studies)):
        rows = np.array(studies) == study
        z[rows] = x[rows] - _mean_where_known(x[rows])
    z = np.nan_to_num(z)
    z /= z.std(axis=0) + 0.1
    return np.asarray(z - z.mean(axis=1, keepdims=True), np.float32)


@dataclass(frozen=True)
class GeneSpace:
    """Genes, how rare each is among marker sets, and the covariance that reference profiles show.

    `idf` (g,); `directions` (r, g) orthonormal rows and `strengths` (r,) in (0, 1].
    """

    genes: tuple[str, ...]
    idf: F32
    directions: F32
    strengths: F32

    def signatures(self, sets: Sequence[Mapping[str, float]]) -> F32:
        """Weight per gene of each set -> (n, g) unit rows: the markers themselves plus what varies with them."""
        where = {gene: j for j, gene in enumerate(self.genes)}
        raw = np.zeros((len(sets), len(self.genes)), np.float32)
        for row, weights in enumerate(sets):
            for gene, weight in weights.items():
                if gene in where:
                    raw[row, where[gene]] = weight
        raw = unit(raw * self.idf)
        spread = (raw @ self.directions.T * self.strengths) @ self.directions
        return unit(raw + SMOOTHING * unit(spread))


def gene_space(genes: tuple[str, ...], sets: Sequence[Mapping[str, float]], profiles_z: F32) -> GeneSpace:
    """From marker sets (for the rarity of genes) and standardised profiles (p, g)."""
    where = {gene: j for j, gene in enumerate(genes)}
    seen = np.zeros(len(genes))
    for weights in sets:
        seen[[where[gene] for gene in weights if gene in where]] += 1
    idf = np.clip(np.log(1500 / (1 + seen)), 0.3, None).astype(np.float32)
    _, strengths, directions = np.linalg.svd(profiles_z, full_matrices=False)
    kept = strengths > 1e-3 * strengths[0]
    return GeneSpace(genes, idf, directions[kept], (strengths / strengths[0])[kept])


def contrast_signatures(z: F32, labels: NDArray[np.str_]) -> dict[str, F32]:
    """Mean standardised expression (n, g) of each label against all other labelled spots, unit rows (g,)."""
    known = labels != ""
    return {
        str(label): unit((z[labels == label].mean(0) - z[known & (labels != label)].mean(0))[None])[0]
        for label in sorted(set(labels[known]))
        if (labels == label).sum() >= 5 and (known & (labels != label)).any()
    }
