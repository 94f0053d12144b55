"""DeepSpot-M from its released folder, tiny, against transformers' DINOv2 with adapters that are not merged."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

from models.card import ModelUnavailable
from models.networks.deepspot_m import BACKBONE, DECODER
from models.published.cellwhisperer import CellWhisperer
from models.published.deepspot_m import DeepSpotM, DeepSpotMTiles
from models.registry import load
from tests.models.published.conftest import randomise
from tools.errors import ToolError
from tools.expression import predict_expression
from tools.joint import embed_expression
from tools.spots import Spots
from tools.stages import notes, units

GENES = ["A", "B", "C", "D"]
DIM = 16
WIDTHS = {"scgpt": 6, "evo2": 5}


class Adapted(nn.Module):
    """A linear layer with a low-rank adapter beside it, as PEFT computes it (alpha 2 r)."""

    def __init__(self, base: nn.Linear, rank: int = 3) -> None:
        super().__init__()
        self.base_layer = base
        self.lora_A, self.lora_B = nn.Linear(128, rank, bias=False), nn.Linear(rank, 128, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base_layer(x) + 2 * self.lora_B(self.lora_A(x))


class Reference(nn.Module):
    """Backbone by transformers, decoder written out for one source."""

    def __init__(self, folder: Path) -> None:
        from transformers import Dinov2Config, Dinov2Model

        super().__init__()
        config = Dinov2Config(
            hidden_size=128, num_hidden_layers=2, num_attention_heads=2, image_size=266, use_swiglu_ffn=True
        )
        self.backbone = randomise(Dinov2Model(config))
        self.backbone.save_pretrained(folder)
        state = {f"{BACKBONE}{name}": value for name, value in load_file(folder / "model.safetensors").items()}
        for i, layer in enumerate(self.attentions()):
            for ours, theirs in (("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj")):
                made = randomise(Adapted(getattr(layer, theirs)))
                setattr(layer, theirs, made)
                stem = f"{BACKBONE}encoder.layer.{i}.attention.attention.{ours}"
                for kind in ("weight", "bias"):
                    del state[f"{stem}.{kind}"]
                    state[f"{stem}.base_layer.{kind}"] = getattr(made.base_layer, kind).data.clone()
                for side in "AB":
                    state[f"{stem}.lora_{side}.default.weight"] = getattr(made, f"lora_{side}").weight.data.clone()
        self.decoder = nn.ModuleDict(
            {"patch_proj": nn.Linear(128, DIM), "layers": nn.ModuleList(self.layer() for _ in range(2))}
        )
        routers = {
            name: nn.ModuleDict({"weight_net": self.two(w, DIM), "bias_net": self.two(w, 1)})
            for name, w in WIDTHS.items()
        }
        self.decoder["routers"] = nn.ModuleDict(routers)
        self.adapters = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(w, DIM), nn.LayerNorm(DIM)) for name, w in WIDTHS.items()}
        )
        randomise(self.decoder)
        randomise(self.adapters)
        torch.manual_seed(3)
        self.bio = {name: torch.randn(len(GENES), width) for name, width in WIDTHS.items()}
        self.modality = torch.eye(5, DIM)
        state |= {f"{DECODER}{name}": value for name, value in self.decoder.state_dict().items()}
        state |= {f"{DECODER}multi_source.adapters.{name}": value for name, value in self.adapters.state_dict().items()}
        state |= {f"{DECODER}multi_source.bio_{name}": value for name, value in self.bio.items()}
        state |= {f"{DECODER}multi_source.modality_emb": self.modality}
        save_file({name: value.contiguous().clone() for name, value in state.items()}, folder / "model.safetensors")

    def attentions(self) -> list[Any]:
        return [module for module in self.backbone.modules() if hasattr(module, "q_proj")]

    def layer(self) -> nn.Module:
        ffn = nn.Sequential(
            nn.Linear(DIM, 4 * DIM), nn.GELU(), nn.Dropout(0.1), nn.Linear(4 * DIM, DIM), nn.Dropout(0.1)
        )
        norms = {"norm1": nn.LayerNorm(DIM), "norm2": nn.LayerNorm(DIM)}
        return nn.ModuleDict({"cross_attn": nn.MultiheadAttention(DIM, 8), "ffn": ffn} | norms)

    def two(self, inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(nn.Linear(inputs, 12), nn.GELU(), nn.Linear(12, outputs))

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> NDArray[np.float32]:
        """A tile and a gene at a time where that is possible; attention sequence first."""
        patches = self.decoder["patch_proj"](self.backbone(x).last_hidden_state[:, 1:]).transpose(0, 1)
        queries = (self.adapters["scgpt"](self.bio["scgpt"]) + self.modality[3])[:, None].repeat(1, len(x), 1)
        for layer in self.decoder["layers"]:
            queries = layer["norm1"](queries + layer["cross_attn"](queries, patches, patches)[0])
            queries = layer["norm2"](queries + layer["ffn"](queries))
        router, rows = self.decoder["routers"]["scgpt"], []
        for gene, bio in enumerate(self.bio["scgpt"]):
            rows.append(queries[gene] @ router["weight_net"](bio) + router["bias_net"](bio))
        found: NDArray[np.float32] = torch.stack(rows, 1).numpy()
        return found


@pytest.fixture
def reference(tmp_path: Path) -> Reference:
    folder = tmp_path / "deepspot-m"
    folder.mkdir()
    tokens = [f"{gene},gene" for gene in GENES]
    (folder / "tokens.csv").write_text("\n".join(["token,token_type", "<pad>,special", *tokens]) + "\n")
    return Reference(folder).eval()


@pytest.fixture
def folder(reference: Reference, tmp_path: Path) -> Path:
    return tmp_path / "deepspot-m"


def test_tiles_become_the_expression_of_named_genes(
    reference: Reference, folder: Path, tiles: NDArray[np.uint8]
) -> None:
    found = DeepSpotMTiles.load(folder).encode_image(tiles)
    expected = reference(torch.from_numpy(tiles).permute(0, 3, 1, 2).float() / 127.5 - 1)
    assert np.abs(found - expected).max() <= 1e-5 and np.abs(expected).max() > 0.01
    predictor = DeepSpotM.load(folder)
    x = predictor.predict_expression(found[:, None], np.full((3, 0), -1))
    assert predictor.genes == tuple(GENES)
    np.testing.assert_array_equal(x, np.maximum(found, 0))
    with pytest.raises(ValueError, match=r"\(n, 1, 4\)"):
        predictor.predict_expression(found[:, None, :2], np.full((3, 0), -1))


@pytest.mark.parametrize(
    "name",
    [f"{BACKBONE}encoder.layer.1.attention.attention.key.base_layer.weight",
     f"{BACKBONE}encoder.layer.0.attention.attention.query.lora_B.default.weight",
     f"{DECODER}routers.scgpt.bias_net.2.bias",
     f"{DECODER}layers.1.cross_attn.in_proj_weight", f"{DECODER}multi_source.modality_emb"],
)  # fmt: skip
@pytest.mark.parametrize("damage", ["missing", "extra", "misshapen"])
def test_a_tensor_that_does_not_fit_is_named(folder: Path, name: str, damage: str) -> None:
    state = load_file(folder / "model.safetensors")
    if damage == "missing":
        del state[name]
    else:
        name = name if damage == "misshapen" else f"{name}_odd"
        state[name] = torch.ones(2, 3)
    save_file(state, folder / "model.safetensors")
    short = name.removeprefix(BACKBONE).removeprefix(DECODER).split("lora_")[0]
    short = short if damage == "extra" else short.replace(".base_layer", "")
    with pytest.raises(ModelUnavailable, match=short.replace(".", r"\.").split("_odd")[0]):
        DeepSpotMTiles.load(folder)


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
