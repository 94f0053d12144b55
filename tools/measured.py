"""An h5ad of measured counts, opened for the same questions as a prepared slide. Never mixed with predictions."""

from pathlib import Path
from typing import Any

import anndata
import numpy as np
from numpy.typing import NDArray

from models.registry import load, model_set
from tools.errors import SlideError
from tools.h5ad import read_h5ad
from tools.joint import embed_expression
from tools.prepared import PreparedSlide
from tools.spots import Spots
from tools.workspace import PrepareOptions, SlideState


def open_measured(path: Path, models: str, device: str = "auto", models_dir: Path | None = None) -> PreparedSlide:
    """Embed measured expression with the joint model of a set. Raises SlideError: unreadable, negative, scaled."""
    stored = read_h5ad(path)
    joint = load(model_set(models).joint, device, models_dir)
    data = anndata.AnnData(X=log1p_cp10k(_dense(stored), path.name), obs=stored.obs[[]], var=stored.var)
    data.var_names_make_unique()
    data.obsm["spatial"] = np.asarray(stored.obsm["spatial"] if "spatial" in stored.obsm else np.zeros((data.n_obs, 2)))
    embed_expression(data, joint)
    names = {"joint": joint.card.name}
    data.uns["provenance"] = {"expression": "measured", "units": "log1p CP10K", "models": names, "notes": []}
    zero = np.zeros(data.n_obs, np.int64)
    l0_xy = np.asarray(data.obsm["spatial"], np.float64)
    spots = Spots(tuple(map(str, data.obs_names)), l0_xy, zero, zero, 55.0, 100.0, "given", 1.0)
    state = SlideState(path.stem, path, PrepareOptions(models=models), "prepared")
    return PreparedSlide(state, spots, data, lambda: joint)


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
