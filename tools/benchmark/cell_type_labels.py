"""Cell-type labels for measured spots: a logistic regression taught on a reference, as the paper did with lung.

A spot is a mixture; its label is the type that its expression resembles most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from models.protocols import F32
from tools.benchmark.counts import read_counts
from tools.errors import ToolError
from tools.h5ad import BROKEN
from tools.measured import log1p_cp10k

LEAST_GENES = 50


@dataclass(frozen=True)
class Reference:
    """Cells of known type: `x` (n, g) log1p CP10K, `genes` (g,), `types` (n,)."""

    x: F32
    genes: tuple[str, ...]
    types: NDArray[np.str_]


@dataclass(frozen=True)
class TypedSpots:
    """Type and probabilities per spot, with what they rest on."""

    table: pd.DataFrame  # index barcode; label, then a column per type
    genes: int
    cells: dict[str, int]
    accuracy: float  # on the reference, five folds


def read_reference(
    path: Path, column: str, classes: dict[str, list[str]], most: int = 2000, seed: int = 0
) -> Reference:
    """At most `most` cells of each class, drawn by `seed`; `classes` class -> values of the obs column (empty: as is).

    Gene names are symbols: those of `var["feature_name"]` or `var["gene_symbols"]` where the index holds Ensembl ids.
    """
    try:
        stored = anndata.read_h5ad(path, backed="r")
    except BROKEN as error:
        raise ToolError(f"{path.name} is not an h5ad that can be read ({error}).") from error
    if column not in stored.obs.columns:
        raise ToolError(f"{path.name} has no obs column '{column}'; it has {', '.join(map(str, stored.obs.columns))}.")
    words = stored.obs[column].astype(str).to_numpy()
    of = {value: name for name, values in classes.items() for value in values} or {word: word for word in set(words)}
    types = np.array([of.get(word, "") for word in words], dtype=str)
    absent = [name for name in classes if name not in types]
    if absent or len(set(types) - {""}) < 2:
        has = ", ".join(sorted(set(words))[:12])
        raise ToolError(f"{path.name}: no cell is {', '.join(absent) or 'of two classes'}; '{column}' holds {has}.")
    rng = np.random.default_rng(seed)
    rows = [np.flatnonzero(types == name) for name in sorted(set(types) - {""})]
    chosen = np.sort(np.concatenate([rng.permutation(part)[:most] for part in rows]))
    part = stored[chosen].to_memory()
    counts = part.layers.get("counts", part.raw.X if part.raw is not None else part.X)
    var = part.raw.var if part.raw is not None and "counts" not in part.layers else part.var
    names = next((var[name] for name in ("feature_name", "gene_symbols") if name in var), var.index.to_series())
    x = counts.toarray() if sparse.issparse(counts) else counts
    return Reference(log1p_cp10k(np.asarray(x, np.float32), path.name), tuple(map(str, names)), types[chosen])


def teach(reference: Reference, genes: Sequence[str], seed: int = 0) -> tuple[Pipeline, float]:
    """The classifier on `genes`, and its accuracy on the reference in five folds."""
    column = {gene: j for j, gene in reversed(list(enumerate(reference.genes)))}
    x = reference.x[:, [column[gene] for gene in genes]]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000, random_state=seed))
    smallest = min(np.unique(reference.types, return_counts=True)[1])
    folds = int(min(5, smallest))
    checked = float(np.mean(cross_val_score(model, x, reference.types, cv=folds))) if folds > 1 else float("nan")
    return model.fit(x, reference.types), checked


def label_spots(reference: Reference, measured: Path, predicted: Sequence[str] | None = None) -> TypedSpots:
    """Types of the measured spots of an h5ad; `predicted` restricts to genes that a model predicts, as in the paper.

    Spots go through the scaler of the reference, as they are: that spots and cells differ in depth and dropout is not
    corrected. Raises ToolError where fewer than 50 genes are shared.
    """
    data = read_counts(measured)
    allowed = set(reference.genes) & set(map(str, data.var_names))
    genes = sorted(allowed & set(predicted) if predicted is not None else allowed)
    if len(genes) < LEAST_GENES:
        raise ToolError(
            f"Only {len(genes)} genes are shared by the reference, {measured.name} and the predicted genes; "
            f"{LEAST_GENES} are needed. Are all of them human gene symbols?"
        )
    model, checked = teach(reference, genes)
    spots = np.asarray(data[:, genes].X, np.float32)
    table = pd.DataFrame(model.predict_proba(spots), index=data.obs_names, columns=model.classes_)
    table.insert(0, "label", model.classes_[table.to_numpy().argmax(axis=1)])
    table.index.name = "barcode"
    names, counts = np.unique(reference.types, return_counts=True)
    return TypedSpots(table, len(genes), dict(zip(map(str, names), map(int, counts), strict=True)), checked)
