"""The DeepSpot-M adapter beside a package of the same interface; the authors' own is too large for a test."""

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from models.card import ModelUnavailable
from models.published.cellwhisperer import CellWhisperer
from models.published.deepspot_m import DeepSpotM, DeepSpotMTiles
from models.registry import load
from tools.errors import ToolError
from tools.expression import predict_expression
from tools.joint import embed_expression
from tools.spots import Spots
from tools.stages import notes, units

GENES = ["A", "B", "C", "D"]


class Network(nn.Module):
    """Mean colour to four genes."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(3, 4)
        self.gene_names = GENES

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        pooled = x.mean(dim=(2, 3))
        return self.backbone(pooled), pooled, None

    @classmethod
    def from_pretrained(cls, folder: str, *, source: str, device: Any) -> tuple["Network", Any]:
        assert source == "scgpt" and device == "cpu"
        net = cls()
        net.load_state_dict(load_file(Path(folder) / "model.safetensors"), strict=False)
        return net.eval(), lambda image: torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = types.ModuleType("deepspotm")
    package.DeepSpotM = Network  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "deepspotm", package)
    torch.manual_seed(0)
    made = tmp_path / "deepspot-m"
    made.mkdir()
    save_file(Network().state_dict(), made / "model.safetensors")
    (made / "config.json").write_text("{}")
    tokens = [f"{gene},gene" for gene in GENES]
    (made / "tokens.csv").write_text("\n".join(["token,token_type", "<pad>,special", *tokens]) + "\n")
    return made


def test_tiles_become_the_expression_of_named_genes(folder: Path) -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)
    found = DeepSpotMTiles.load(folder).encode_image(tiles)
    weights = load_file(folder / "model.safetensors")
    colour = torch.from_numpy(tiles).float().mean(dim=(1, 2)) / 127.5 - 1
    expected = colour @ weights["backbone.weight"].T + weights["backbone.bias"]
    assert np.abs(found - expected.numpy()).max() <= 1e-5
    predictor = DeepSpotM.load(folder)
    x = predictor.predict_expression(found[:, None], np.full((3, 0), -1))
    assert predictor.genes == tuple(GENES)
    np.testing.assert_array_equal(x, np.maximum(found, 0))
    with pytest.raises(ValueError, match=r"\(n, 1, 4\)"):
        predictor.predict_expression(found[:, None, :2], np.full((3, 0), -1))


def test_a_tensor_that_the_network_lacks_is_named(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    save_file(state | {"backbone.lora_A": torch.ones(2)}, folder / "model.safetensors")
    with pytest.raises(ModelUnavailable, match=r"backbone\.lora_A"):
        DeepSpotMTiles.load(folder)
    save_file({"backbone.bias": state["backbone.bias"]}, folder / "model.safetensors")
    with pytest.raises(ModelUnavailable, match=r"missing 'backbone\.weight'"):
        DeepSpotMTiles.load(folder)


def test_without_the_package_the_command_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepspotm", None)
    with pytest.raises(ModelUnavailable, match="pip install 'deepspotm"):
        load("deepspot-m-tiles", "cpu", folder.parent)


def test_relative_expression_is_flagged_and_never_ranked_within_a_spot(folder: Path) -> None:
    predictor = DeepSpotM.load(folder)
    zero = np.zeros(2, np.int64)
    spots = Spots(("a", "b"), np.array([[0.0, 0.0], [200.0, 0.0]]), zero, np.arange(2), 55.0, 100.0, "square", 0.5)
    data = predict_expression(np.ones((2, 1, 4), np.float32), spots, predictor)
    data.uns["provenance"] = {"units": units(predictor.card)}
    assert data.uns["provenance"]["units"] == "relative log1p CP10K"
    assert any("never genes within a spot" in note for note in notes(spots, predictor.plan, predictor.card))
    ranking = CellWhisperer.__new__(CellWhisperer)  # refused before anything of it is used
    with pytest.raises(ToolError, match="relative"):
        embed_expression(data, ranking)
    assert units(load("fake-predictor").card) == "log1p CP10K"
