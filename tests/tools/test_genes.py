import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tools.errors import ToolError
from tools.genes import gene_values, top_genes

GENES = [f"G{i}" for i in range(40)] + ["KRT14", "FLAT"]


@pytest.fixture
def data() -> anndata.AnnData:
    """40 noise genes, KRT14 high in the first 20 of 80 spots, and a gene without variation."""
    rng = np.random.default_rng(0)
    x = rng.gamma(2, 0.5, (80, 42)).astype(np.float32)
    x[:20, 40] += 2
    x[:, 41] = 1
    var = pd.DataFrame({"reliability": np.full(42, 0.3, np.float32)}, index=GENES)
    return anndata.AnnData(x, obs=pd.DataFrame(index=[f"s{i}" for i in range(80)]), var=var)


def test_a_planted_gene_comes_first(data: anndata.AnnData) -> None:
    best = top_genes(data, np.arange(20))[0]
    assert best.gene == "KRT14" and best.log2fc > 1 and best.auroc > 0.95 and best.p_adj < 1e-6


def test_statistics_agree_with_scipy(data: anndata.AnnData) -> None:
    best = top_genes(data, np.arange(20), n=42)
    p = np.array([stats.mannwhitneyu(data.X[:20, i], data.X[20:, i], method="asymptotic").pvalue for i in range(41)])
    adjusted = stats.false_discovery_control(np.append(p, 1.0))
    for stat in best:
        i = GENES.index(stat.gene)
        fold = (np.expm1(data.X[:20, i]).mean() + 0.1) / (np.expm1(data.X[20:, i]).mean() + 0.1)
        assert stat.log2fc == pytest.approx(np.log2(fold), abs=1e-4)
        assert stat.p_adj == pytest.approx(adjusted[i], rel=1e-4)


def test_only_genes_that_are_higher_inside(data: anndata.AnnData) -> None:
    for stat in top_genes(data, np.arange(20), n=42):
        assert stat.log2fc > 0 and stat.auroc > 0.5 and stat.gene != "FLAT"


def test_versus_another_region(data: anndata.AnnData) -> None:
    data.X[20:40, 40] += 2
    assert top_genes(data, np.arange(20))[0].auroc > 0.7
    against = {stat.gene: stat for stat in top_genes(data, np.arange(20), np.arange(20, 40), n=42)}
    assert "KRT14" not in against or against["KRT14"].auroc < 0.7


def test_an_unreliable_gene_does_not_lead(data: anndata.AnnData) -> None:
    data.X[:20, 0] = data.X[:20, 40]
    data.X[20:, 0] = data.X[20:, 40]
    data.var["reliability"] = np.where(data.var_names == "KRT14", 0.0, 0.3).astype(np.float32)
    assert top_genes(data, np.arange(20))[0].gene == "G0"


def test_too_few_spots_are_refused(data: anndata.AnnData) -> None:
    with pytest.raises(ToolError, match="at least 3"):
        top_genes(data, np.arange(2))
    with pytest.raises(ToolError, match="at least 3"):
        top_genes(data, np.arange(80))


@pytest.mark.parametrize("name", ["KRT14", "krt14", " Krt14 "])
def test_a_gene_is_found_in_any_case(data: anndata.AnnData, name: str) -> None:
    symbol, values = gene_values(data, name)
    assert symbol == "KRT14" and (values == data.X[:, 40]).all()


def test_an_unknown_gene_names_its_neighbours(data: anndata.AnnData) -> None:
    with pytest.raises(ToolError, match=r"does not predict the gene 'KRT15'.*KRT14"):
        gene_values(data, "KRT15")


def test_a_region_inside_the_other_leaves_nothing_to_compare(data: anndata.AnnData) -> None:
    with pytest.raises(ToolError, match="nothing is left to compare"):
        top_genes(data, np.arange(20), np.arange(10))
