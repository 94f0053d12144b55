"""Genes that stand out at one spot against the others of its slide."""

from dataclasses import dataclass

import anndata
import numpy as np
from numpy.typing import NDArray

MIN_SD = 0.02  # log1p CP10K; below, a gene is flat and its z means nothing


@dataclass(frozen=True)
class Moments:
    """Mean and SD (g,) of every gene over the spots of a slide; computed once, asked for at every spot."""

    mean: NDArray[np.float32]
    sd: NDArray[np.float32]


def moments(data: anndata.AnnData) -> Moments:
    """Mean and SD of every gene, the SD never below MIN_SD."""
    x = np.asarray(data.X, np.float32)
    return Moments(x.mean(axis=0), np.maximum(x.std(axis=0), MIN_SD))


def standing_out(data: anndata.AnnData, row: int, over: Moments, n: int = 5) -> list[tuple[str, float]]:
    """The `n` genes with the highest z (SDs above the slide's mean) at spot `row`, highest first, none below 0.

    Genes that the model is known to predict (reliability above 0.15) are taken where there are such.
    """
    z = (np.asarray(data.X[row], np.float32).ravel() - over.mean) / over.sd
    z = np.where(_trusted(data), z, -np.inf)
    best = [int(i) for i in np.argsort(-z, kind="stable")[:n] if z[i] > 0]
    return [(str(data.var_names[i]), float(z[i])) for i in best]


def _trusted(data: anndata.AnnData) -> NDArray[np.bool_]:
    known = np.asarray(data.var["reliability"], np.float64) if "reliability" in data.var else np.zeros(data.n_vars)
    good = known > 0.15
    return np.asarray(good if good.any() else np.ones(data.n_vars, bool))
