"""The successor's definition from HDF files to a report."""

from pathlib import Path

import h5py
import numpy as np
import yaml
from typer.testing import CliRunner

from app import app
from tests.synthetic import HEIGHT, WIDTH, he_pixels
from tests.tools.benchmark.test_run import rows


def write_hdf(path: Path, seed: int) -> None:
    """The synthetic slide with epithelial cells left, stromal cells right, some of either anywhere."""
    rng = np.random.default_rng(seed)
    instances, kinds = np.zeros((HEIGHT, WIDTH), np.int64), np.zeros((HEIGHT, WIDTH), np.int64)
    for number in range(1, 300):
        x, y = int(rng.integers(150, 1000)), int(rng.integers(100, 700))
        typical = 1 if x < 500 else 2
        instances[y : y + 4, x : x + 4] = number
        kinds[y : y + 4, x : x + 4] = typical if rng.random() < 0.93 else rng.integers(1, 4)
    with h5py.File(path, "w") as file:
        file["img"], file["gt_inst"], file["gt_ct"] = he_pixels().transpose(2, 0, 1), instances[None], kinds[None]


def test_hdf_files_to_a_report(tmp_path: Path) -> None:
    for seed, name in enumerate(("reg1", "reg2")):
        write_hdf(tmp_path / f"{name}.hdf", seed)
    names = ["background", "Epithelial", "Connective", "Dead"]
    config = {
        "name": "cells",
        "title": "Cells",
        "definition": "presence",
        "samples": "*.hdf",
        "each": {"mpp": 1.0, "cells": {"hdf": "{sample}.hdf", "names": names, "tile_px": 80, "drop_last": False}},
        "groups": {
            "cells": {
                "title": "Cells",
                "queries": {"Epithelial": "epithelium", "Connective": "stroma"},
                "drop_dominated_by": ["Dead"],
            }
        },
        "scorers": ["molecular", "image-text", "fused", "colour", "chance"],
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    arguments = ["benchmark", str(tmp_path / "c.yaml"), "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    arguments += ["--models", "fake", "--draws", "10", "--workspace", str(tmp_path / "ws")]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = {
        (row["scorer"], row["column"]): row
        for row in rows(tmp_path / "out" / "cells", "tables")
        if row["kind"] in ("cosine", "random")
    }
    assert {row["definition"] for row in found.values()} == {"SpatialWhisperer, presence"}
    for scorer in ("molecular", "image-text: fake-image-text"):
        assert float(found[scorer, "Macro"]["auroc"]) > 0.8
        assert found[scorer, "Overall weighted"]["auroc"] == "" and found[scorer, "Epithelial"]["n"] == "2"
    text = (tmp_path / "out" / "cells" / "README.md").read_text()
    assert "at least one cell of the class" in text and "Confusion" not in text
