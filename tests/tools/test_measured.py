from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from models.fakes import GENES, PROGRAMMES
from tools.errors import SlideError
from tools.measured import log1p_cp10k, open_measured


def counts(n: int = 30) -> anndata.AnnData:
    """Spots whose first half is rich in epithelial genes."""
    x = np.random.default_rng(0).poisson(3, (n, len(GENES))).astype(np.float32)
    x[: n // 2, [GENES.index(gene) for gene in PROGRAMMES["epithelium"]]] += 40
    data = anndata.AnnData(x, obs=pd.DataFrame(index=[f"s{i}" for i in range(n)]), var=pd.DataFrame(index=list(GENES)))
    data.obsm["spatial"] = np.random.default_rng(1).uniform(0, 500, (n, 2))
    return data


def test_counts_are_normalised_and_scored_as_measured(tmp_path: Path) -> None:
    counts().write_h5ad(tmp_path / "counts.h5ad")
    opened = open_measured(tmp_path / "counts.h5ad", "fake")
    assert np.expm1(opened.adata.X).sum(axis=1) == pytest.approx(np.full(30, 1e4), rel=1e-3)
    assert opened.provenance["expression"] == "measured"
    scores = opened.text_scores("epithelium")
    assert scores[:15].min() > scores[15:].max()


def test_log1p_cp10k_is_not_normalised_twice() -> None:
    once = log1p_cp10k(np.asarray(counts().X), "x")
    assert (log1p_cp10k(once, "x") == once).all()


@pytest.mark.parametrize("bad", [-1.0, np.nan])
def test_scaled_values_are_refused(bad: float) -> None:
    x = np.asarray(counts().X).copy()
    x[0, 0] = bad
    with pytest.raises(SlideError, match="negative or missing"):
        log1p_cp10k(x, "x")
    with pytest.raises(SlideError, match="scaled"):
        log1p_cp10k(np.asarray(counts().X) * 1000.5, "x")
