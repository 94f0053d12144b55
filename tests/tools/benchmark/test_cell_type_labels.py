import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from app import app
from tools.benchmark.cell_type_labels import label_spots, read_reference
from tools.errors import ToolError

GENES = tuple(f"GENE{i}" for i in range(120))
TYPES = {"Immune": ["T cell", "B cell"], "Stroma": ["fibroblast"], "Epithelial": ["AT2"]}


def counts(kinds: list[str], seed: int, depth: float = 1.0) -> np.ndarray:
    """Cells whose class has forty genes of its own."""
    of = {value: j for j, values in enumerate(TYPES.values()) for value in values}
    rate = np.ones((len(kinds), len(GENES)))
    for row, kind in enumerate(kinds):
        rate[row, 40 * of[kind] : 40 * of[kind] + 40] = 4
    return np.random.default_rng(seed).poisson(rate * depth).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cells")
    kinds = ["T cell", "B cell", "fibroblast", "AT2", "unknown"] * 40
    known = [kind if kind != "unknown" else "AT2" for kind in kinds]
    var = pd.DataFrame({"feature_name": GENES}, index=[f"ENSG{i}" for i in range(len(GENES))])
    obs = pd.DataFrame({"ann": pd.Categorical(kinds)}, index=[f"c{i}" for i in range(len(kinds))])
    anndata.AnnData(counts(known, 0), obs=obs, var=var).write_h5ad(folder / "reference.h5ad")
    spots = ["T cell"] * 20 + ["fibroblast"] * 20 + ["AT2"] * 20
    data = anndata.AnnData(
        counts(spots, 1, 3.0), obs=pd.DataFrame(index=[f"s{i}" for i in range(60)]), var=pd.DataFrame(index=list(GENES))
    )
    data[np.random.default_rng(2).permutation(60)].copy().write_h5ad(folder / "spots.h5ad")
    (folder / "classes.json").write_text(json.dumps(TYPES))
    return folder


def test_spots_get_the_type_that_they_are(folder: Path) -> None:
    reference = read_reference(folder / "reference.h5ad", "ann", TYPES, most=50)
    assert set(reference.types) == set(TYPES) and (reference.types == "Immune").sum() == 50
    found = label_spots(reference, folder / "spots.h5ad", GENES[:110])
    truth = {f"s{i}": ("Immune", "Stroma", "Epithelial")[i // 20] for i in range(60)}
    assert np.mean([found.table.loc[name, "label"] == kind for name, kind in truth.items()]) > 0.95
    assert found.table[list(TYPES)].sum(axis=1).to_numpy() == pytest.approx(1)
    assert found.genes == 110 and found.accuracy > 0.9
    assert "unknown" not in found.cells


def test_the_command_writes_what_the_benchmark_reads(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels.csv"
    arguments = ["benchmark", "labels", str(folder / "spots.h5ad"), "--reference", str(folder / "reference.h5ad")]
    arguments += [
        "--column",
        "ann",
        "--classes",
        str(folder / "classes.json"),
        "--genes",
        "all",
        "--out",
        str(out),
        "--json",
    ]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["spots"] == 60
    table = pd.read_csv(out)
    assert list(table.columns[:2]) == ["barcode", "label"] and set(table["label"]) == set(TYPES)


def test_proportions_give_the_dominant_class(tmp_path: Path) -> None:
    table = pd.DataFrame({"T": [0.4, 0.1], "B": [0.2, 0.1], "CAF": [0.4, 0.8]}, index=["s1", "s2"])
    table.to_csv(tmp_path / "p.tsv", sep="\t")
    (tmp_path / "c.yaml").write_text("Immune: [T, B]\nStroma: [CAF]\n")
    out = tmp_path / "labels.csv"
    arguments = [
        "benchmark",
        "labels",
        str(tmp_path / "p.tsv"),
        "--classes",
        str(tmp_path / "c.yaml"),
        "--out",
        str(out),
    ]
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    assert dict(zip(*pd.read_csv(out).to_numpy().T, strict=True)) == {"s1": "Immune", "s2": "Stroma"}


def test_what_does_not_fit_is_said(folder: Path) -> None:
    with pytest.raises(ToolError, match="no obs column 'nonsense'"):
        read_reference(folder / "reference.h5ad", "nonsense", {})
    with pytest.raises(ToolError, match="no cell is Nerves"):
        read_reference(folder / "reference.h5ad", "ann", {"Nerves": ["neuron"], "Stroma": ["fibroblast"]})
    reference = read_reference(folder / "reference.h5ad", "ann", TYPES)
    with pytest.raises(ToolError, match="Only 10 genes are shared"):
        label_spots(reference, folder / "spots.h5ad", GENES[:10])
