"""The network that runs is the network that was trained."""

import copy
from pathlib import Path

import pytest
import torch

from models.card import WEIGHTS
from models.networks.densenet import DenseNet121
from models.networks.densenet_folded import Clip, FoldedDenseNet121
from models.networks.loading import load_into
from tools.slide import open_slide


@pytest.fixture(scope="module")
def net() -> DenseNet121:
    """Random weights, with norms as training leaves them: scales of both signs, one of them zero."""
    torch.manual_seed(0)
    made = DenseNet121(5).double().eval()
    with torch.no_grad():
        for part in made.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.weight.copy_(torch.randn_like(part.weight))
                part.weight[0] = 0
                part.bias.normal_()
                part.running_mean.normal_(0, 0.3)  # type: ignore[union-attr]
                part.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
    return made


@pytest.mark.parametrize("side", [32, 75])
def test_folding_is_exact(net: DenseNet121, side: int) -> None:
    x = torch.rand(2, 3, side, side, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    before = copy.deepcopy(net.state_dict())
    folded = FoldedDenseNet121(net)
    with torch.inference_mode():
        plain, fast = net.features(x), folded(x)
    assert float((plain - fast).abs().max() / plain.abs().max()) < 1e-9
    assert plain.std() > 0.01  # and there is something to compare
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_the_built_in_weights_give_the_same_features(demo_slide: Path) -> None:
    net = load_into(DenseNet121(73), WEIGHTS / "starter-encoder").eval()
    tile = open_slide(demo_slide).read(600, 900, 0, 96, 96)
    x = (torch.from_numpy(tile.copy()).permute(2, 0, 1)[None] / 255).contiguous(memory_format=torch.channels_last)
    folded = FoldedDenseNet121(net)
    with torch.inference_mode():
        plain, fast, half = net.features(x), folded(x), folded.bfloat16()(x.bfloat16()).float()
    assert float((plain - fast).norm() / plain.norm()) < 1e-5
    assert float((plain - half).norm() / plain.norm()) < 0.08  # three decimal places, through 121 layers


def test_a_clip_and_an_affine_map_are_a_norm_and_a_relu() -> None:
    norm = torch.nn.BatchNorm2d(3).eval()
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([2.0, -0.5, 1.5]))
        norm.bias.copy_(torch.tensor([0.3, -0.2, 0.7]))
    x = torch.randn(4, 3, 5, 5)
    scale = (norm.weight / (1 + norm.eps) ** 0.5).view(1, 3, 1, 1)
    with torch.inference_mode():
        assert torch.allclose(Clip(norm)(x) * scale + norm.bias.view(1, 3, 1, 1), torch.relu(norm(x)), atol=1e-6)
