"""Gene sets: names, lists, and a score against genes of like expression."""

import anndata
import numpy as np
import pandas as pd
import pytest

from tools.errors import ToolError
from tools.gene_sets import find_set, named_sets, score_gene_set


@pytest.fixture
def planted() -> anndata.AnnData:
    """200 spots, 300 genes; five genes are high together in the first 60 spots."""
    rng = np.random.default_rng(1)
    x = rng.gamma(2.0, 0.4, (200, 300)).astype(np.float32)
    x[:60, :5] += 1.5
    return anndata.AnnData(x, var=pd.DataFrame(index=[f"G{i}" for i in range(300)]))


def test_a_planted_set_is_found_where_it_is(planted: anndata.AnnData) -> None:
    found = score_gene_set(planted, ["G0", "g1", "G2", "G3", "G4", "G999"])
    assert found.missing == ("G999",) and found.genes == ("G0", "G1", "G2", "G3", "G4")
    assert np.percentile(found.values[:60], 5) > found.values[60:].mean() + 2
    assert found.coherence > 0.4 > found.chance and np.isnan(found.reliability)


def test_a_random_set_is_like_chance(planted: anndata.AnnData) -> None:
    found = score_gene_set(planted, ["G20", "G77", "G130", "G201"])
    assert abs(found.coherence - found.chance) < 0.15 and np.abs(found.values).max() < 6


def test_scores_do_not_depend_on_order_or_case(planted: anndata.AnnData) -> None:
    one, other = (score_gene_set(planted, genes) for genes in (["G0", "G1", "G2"], ["g2", "g0", "g1"]))
    assert np.corrcoef(one.values, other.values)[0, 1] > 0.99


def test_too_few_genes_are_refused(planted: anndata.AnnData) -> None:
    with pytest.raises(ToolError, match="at least 2 genes"):
        score_gene_set(planted, ["G0", "NOPE"])


def test_sets_have_names_sources_and_enough_genes() -> None:
    for name, genes in named_sets().items():
        assert find_set(name)[1] == genes and len(genes) >= 5 and len(set(genes)) == len(genes)
        assert find_set(f"the {name.upper()} gene signature")[0] == name and find_set(name)[2]
    assert find_set("TLS")[0] == "tertiary lymphoid structure"


def test_an_unknown_name_answers_with_the_known() -> None:
    with pytest.raises(ToolError, match=r"Nearest: hypoxia\. Known sets: .*glycolysis"):
        find_set("hypoxya")
