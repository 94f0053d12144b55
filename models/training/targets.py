"""What an image is asked to predict: gene programmes, denoised, and cell mixtures turned into expression."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

# Cell types of the reference profiles (regular expressions, lower case) behind each class of cells; a profile counts
# for the first class that matches. Squamous and glandular epithelium are both in "epithelial": an encoder tells them
# apart badly, and a slide may come from any organ.
CLASSES: dict[str, str] = {
    "T-cells": r"\bcd[48][mne]?\w* ?t\b|\bt cell|tcells|\bt cd[48]|treg|mait|gamma delta|^cd4|^cd8",
    "Plasma Cells": r"plasma cell|plasmablast|^plasma$|^plasma ig|antibody|ig[agm] pb|plasma bcells",
    "B-cells": r"\bb cell|bcells|^b$|^b (naive|memory)|mature b",
    "Myeloid": r"macrophage|monocyte|myeloid|^m?c?dcs?\b|dendritic cell",
    "Endothelial": r"endothel|vascular|blood vessel|vascular ec",
    "PVL": r"pericyte|smooth.?muscle|perivascular",
    "CAFs": r"fibroblast|^stromal cell",
    "Epithelial": r"keratinocyte|squamous|epitheli|basal|luminal|club|secretory epithelium|ductal|enterocyte",
    "Adipose": r"adipocyte|fat cell",
}
# Nuclei of CoNSeP as mixtures of these classes.
NUCLEI: dict[str, dict[str, float]] = {
    "inflammatory": {"T-cells": 0.45, "B-cells": 0.2, "Plasma Cells": 0.15, "Myeloid": 0.2},
    "epithelial": {"Epithelial": 1.0},
    "spindle": {"CAFs": 0.7, "PVL": 0.15, "Endothelial": 0.15},
}
RNA_PER_CELL = {"Epithelial": 1.5, "CAFs": 1.0, "PVL": 1.0, "Endothelial": 1.0, "Myeloid": 1.0, "Plasma Cells": 1.0}
LYMPHOCYTE_RNA = 0.6


@dataclass(frozen=True)
class Programmes:
    """Gene programmes: expression = mean + scores @ loadings.

    `basis` (r, g) with orthonormal rows, `scale` (r,) the SD of each programme as a share of the largest. Scores are
    divided by it, so that all vary alike: a network that is stopped early learns what is large first, and what tells
    infiltrate from tumour is small.
    """

    basis: F32
    scale: F32
    mean: F32

    @property
    def loadings(self) -> F32:
        """Log expression per unit of each programme's score, (r, g)."""
        return self.basis * self.scale[:, None]

    def scores(self, deviations: F32) -> F32:
        """(n, g) deviations from a section's mean -> (n, r)."""
        return (deviations @ self.basis.T / self.scale).astype(np.float32)


def fit_programmes(deviations: Sequence[F32], weights: Sequence[float], mean: F32, rank: int) -> Programmes:
    """Principal directions of weighted deviations, (n_i, g) each, centred per section beforehand."""
    stacked = np.concatenate([np.sqrt(w / len(d)) * d for d, w in zip(deviations, weights, strict=True)])
    values, vectors = np.linalg.eigh(stacked @ stacked.T)
    order = np.argsort(-values)[:rank]
    largest = np.sqrt(np.maximum(values[order], 1e-9))
    basis = (vectors[:, order] / largest).T @ stacked
    scale = largest / largest.max()
    return Programmes(basis.astype(np.float32), scale.astype(np.float32), mean.astype(np.float32))


def mixture_expression(cells: Mapping[str, F32], profiles: Mapping[str, F32]) -> F32:
    """Numbers of cells per class (n,) and class profiles (g,) in counts per 10,000 -> (n, g) log1p CP10K."""
    spots, genes = len(next(iter(cells.values()))), len(next(iter(profiles.values())))
    total, rna = np.zeros((spots, genes), np.float32), np.zeros((spots, 1), np.float32)
    for kind, count in cells.items():
        amount = count[:, None] * RNA_PER_CELL.get(kind, LYMPHOCYTE_RNA)
        total += amount * profiles[kind][None]
        rna += amount
    return np.asarray(np.log1p(total / np.maximum(rna, 1e-6)), np.float32)


def cells_of_nuclei(counts: F32, kinds: Sequence[str]) -> dict[str, F32]:
    """Nuclei per kind (n, k) -> cells per class."""
    cells: dict[str, F32] = {}
    for kind, mix in NUCLEI.items():
        column = counts[:, list(kinds).index(kind)]
        for name, share in mix.items():
            cells[name] = cells.get(name, np.zeros_like(column)) + share * column
    return cells
