from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from models.deepspot import read_genes, write_genes
from tests.tools.benchmark.material import write_config, write_data
from tools.benchmark.config import read_config
from tools.benchmark.expression_quality import (
    Quality,
    expression_quality,
    gene_rows,
    reliability,
    write_reliability,
)
from tools.benchmark.roads import Roads
from tools.benchmark.samples import Sample, read_samples
from tools.errors import ToolError


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Sample], Roads]:
    folder = write_data(tmp_path_factory.mktemp("data"))
    config = read_config(str(write_config(folder / "c.yaml")))
    return read_samples(config, folder, folder / "work"), Roads(folder / "work", "fake")


def quality(patient: str, seen: bool = False, **genes: float) -> Quality:
    return Quality(f"{patient}1", patient, "starter-deepspot", seen, 10, "other patients", {"all": 0.0}, genes)


def test_r_is_the_correlation_of_what_was_predicted_and_measured(samples: tuple[list[Sample], Roads]) -> None:
    listed, roads = samples
    found = next(q for q in expression_quality(listed, listed, roads) if q.predictor == "fake-predictor")
    predicted, measured = roads.slide(listed[0]).adata, listed[0].measured()
    assert measured is not None
    x, y = predicted.to_df()["KRT5"], measured.to_df()["KRT5"]
    assert found.per_gene["KRT5"] == pytest.approx(np.corrcoef(x.to_numpy(), y.loc[x.index].to_numpy())[0, 1], abs=1e-4)
    assert found.top["all"] == pytest.approx(np.mean(list(found.per_gene.values())))
    assert found.ranked_by == "other patients"


def test_measured_spots_join_on_the_barcode(samples: tuple[list[Sample], Roads]) -> None:
    listed, roads = samples
    whole = listed[0].measured()
    assert whole is not None
    order = np.random.default_rng(3).permutation(whole.n_obs)
    mixed = replace(listed[0], read_measured=lambda: whole[order].copy())
    before, after = (expression_quality([item], [], roads)[0].per_gene for item in (listed[0], mixed))
    assert after == pytest.approx(before)
    renamed = replace(
        listed[0], read_measured=lambda: anndata.AnnData(whole.X, obs=pd.DataFrame(index=order.astype(str)))
    )
    with pytest.raises(ToolError, match="spots have no measured expression"):
        expression_quality([renamed], [], roads)


def test_alone_a_sample_ranks_its_own_genes_and_has_no_taught_floor(samples: tuple[list[Sample], Roads]) -> None:
    listed, roads = samples
    found = expression_quality(listed[:1], listed[:1], roads)
    assert {q.predictor for q in found} == {"fake-predictor", "mean of the training samples"}
    assert {q.ranked_by for q in found} == {"this sample"}


def test_reliability_is_the_mean_of_patients_not_of_sections() -> None:
    found = [quality("B", KRT5=0.2), quality("C", KRT5=0.6, DCN=0.5), quality("C", KRT5=0.4, DCN=0.3)]
    assert reliability(found, "starter-deepspot") == pytest.approx({"KRT5": 0.35, "DCN": 0.4})


def test_reliability_from_patients_that_taught_the_weights_is_refused() -> None:
    with pytest.raises(ToolError, match="patients C taught these weights"):
        reliability([quality("B", KRT5=0.2), quality("C", seen=True, KRT5=0.9)], "starter-deepspot")
    with pytest.raises(ToolError, match="nothing was judged"):
        reliability([], "starter-deepspot")


def test_reliability_is_written_beside_the_weights(tmp_path: Path) -> None:
    folder = tmp_path / "starter-deepspot"
    folder.mkdir()
    write_genes(folder / "genes.csv", (("DCN", "KRT5"), ("e1", "e2"), np.array([0.9, 0.9], np.float32)))
    assert write_reliability([quality("B", KRT5=0.25)], Roads(tmp_path, models_dir=tmp_path)) == 1
    genes, ids, r = read_genes(folder / "genes.csv")
    assert genes == ("DCN", "KRT5") and ids == ("e1", "e2") and np.isnan(r[0]) and r[1] == pytest.approx(0.25)
    with pytest.raises(ToolError, match="keeps no table of genes"):
        write_reliability([replace(quality("B", KRT5=0.2), predictor="fake-predictor")], Roads(tmp_path, "fake"))


def test_rows_by_gene() -> None:
    assert gene_rows([quality("B", KRT5=0.25)]) == [
        {"sample": "B1", "predictor": "starter-deepspot", "gene": "KRT5", "pearson": 0.25}
    ]
