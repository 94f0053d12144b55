import anndata
import numpy as np

from tools.spot_genes import moments, standing_out


def expressed(reliability: list[float] | None = None) -> anndata.AnnData:
    x = np.random.default_rng(0).normal(1, 0.1, (50, 6)).astype(np.float32)
    x[7, 2], x[7, 4] = 4, 3
    data = anndata.AnnData(x)
    data.var_names = [f"G{i}" for i in range(6)]
    if reliability:
        data.var["reliability"] = reliability
    return data


def test_planted_genes_stand_out_in_their_order():
    data = expressed()
    found = standing_out(data, 7, moments(data), 2)
    assert [gene for gene, _ in found] == ["G2", "G4"]
    assert found[0][1] > found[1][1] > 3


def test_a_gene_that_cannot_be_predicted_is_left_out():
    for reliability, gene in (([0.5, 0.5, 0.0, 0.5, 0.5, 0.5], "G4"), ([0.0] * 6, "G2")):
        data = expressed(reliability)
        assert standing_out(data, 7, moments(data), 1)[0][0] == gene


def test_only_what_is_above_the_mean_is_named():
    data = expressed()
    data.X[3] = 0
    assert standing_out(data, 3, moments(data)) == []
