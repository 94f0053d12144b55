"""An h5ad of measured counts, opened for the same questions as a prepared slide. Never mixed with predictions."""

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
from anndata.utils import make_index_unique
from numpy.typing import NDArray

from models.registry import load, model_set
from tools.errors import SlideError
from tools.h5ad import read_h5ad
from tools.joint import embed_expression
from tools.prepared import PreparedSlide
from tools.spots import Spots
from tools.workspace import PrepareOptions, SlideState

SYMBOL_COLUMNS = ("gene_name", "gene_symbols", "gene_symbol", "symbol", "feature_name", "gene_short_name")
GENOME = r"^(?:GRCh3[78]|GRCm3[89]|hg19|hg38|mm10|mm39)_+"  # as Space Ranger writes it where there are several


def open_measured(path: Path, models: str, device: str = "auto", models_dir: Path | None = None) -> PreparedSlide:
    """Embed measured expression with the joint model of a set. Raises SlideError: unreadable, negative, scaled."""
    stored = read_h5ad(path)
    if not stored.n_obs or not stored.n_vars or (stored.X is None and "counts" not in stored.layers):
        raise SlideError(f"{path.name} holds no expression: {stored.n_obs} spots and {stored.n_vars} genes.")
    joint = load(model_set(models).joint, device, models_dir)
    names, notes = symbols(stored.var, path.name)
    rows, columns = (make_index_unique(pd.Index(index).astype(str)) for index in (stored.obs_names, names))
    x = log1p_cp10k(_dense(stored), path.name)
    data = anndata.AnnData(x, pd.DataFrame(index=rows), pd.DataFrame(index=columns))
    data.obsm["spatial"] = np.asarray(stored.obsm["spatial"] if "spatial" in stored.obsm else np.zeros((data.n_obs, 2)))
    try:
        embed_expression(data, joint)
    except ValueError as error:
        raise SlideError(f"{path.name} cannot be embedded: {error} Human gene symbols are expected.") from error
    by = {"joint": joint.card.name}
    data.uns["provenance"] = {"expression": "measured", "units": "log1p CP10K", "models": by, "notes": notes}
    zero = np.zeros(data.n_obs, np.int64)
    l0_xy = np.asarray(data.obsm["spatial"], np.float64)
    spots = Spots(tuple(map(str, data.obs_names)), l0_xy, zero, zero, 55.0, 100.0, "given", 1.0)
    state = SlideState(path.stem, path, PrepareOptions(models=models), "prepared")
    return PreparedSlide(state, spots, data, lambda: joint)


def symbols(var: pd.DataFrame, name: str) -> tuple[list[str], list[str]]:
    """Human gene symbols of the rows of `var`, and what was done to get them, in sentences.

    Raises SlideError for Ensembl ids that come without symbols.
    """
    genes, notes = pd.Series(var.index.astype(str)), []
    if genes.str.fullmatch(r"ENS[A-Z]*G\d{11}(\.\d+)?").mean() > 0.5:
        column = next((known for known in SYMBOL_COLUMNS if known in var.columns), None)
        if column is None:
            raise SlideError(
                f"{name} names genes by Ensembl id; symbols are expected, in var or its {SYMBOL_COLUMNS[0]}."
            )
        genes = pd.Series(var[column].astype(str).to_numpy())
        notes.append(f"Genes were named by Ensembl id; the symbols were taken from var['{column}'].")
    bare = genes.str.replace(GENOME, "", regex=True)
    if (bare != genes).any():
        notes.append(f"The genome in front of {int((bare != genes).sum()):,} gene names was left out.")
    if bare.str.contains("[a-z]").mean() > 0.5:
        notes.append("Gene symbols were not in capitals (lower case, or of mouse); they were read as the human ones.")
        bare = bare.str.upper()
    twice = int(bare.duplicated().sum())
    if twice:
        notes.append(f"{twice:,} gene names occur more than once; the first of each is used.")
    return bare.tolist(), notes


def log1p_cp10k(x: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Counts (n, g) to log1p CP10K; what already is log1p CP10K (each row's expm1 sums to 1e4 or less) stays.

    Raises SlideError for values that are neither (negative, NaN, scaled).
    """
    if not np.isfinite(x).all() or (x < 0).any():
        raise SlideError(f"{name} holds negative or missing values; raw counts or log1p CP10K are expected.")
    sample = x[:200]
    if np.abs(sample - np.rint(sample)).max() < 1e-6:
        total = x.sum(axis=1, keepdims=True)
        return np.asarray(np.log1p(x / np.maximum(total, 1.0) * 1e4), np.float32)
    if float(np.expm1(np.minimum(sample, 20.0)).sum(axis=1).max()) <= 1.01e4:
        return x
    raise SlideError(f"{name} holds neither counts nor log1p CP10K; it seems to be scaled. Give raw counts.")


def _dense(data: anndata.AnnData) -> NDArray[np.float32]:
    counts: Any = data.layers.get("counts", data.X)
    return np.asarray(counts.toarray() if hasattr(counts, "toarray") else counts, np.float32)
