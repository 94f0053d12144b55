"""DenseNet-121 rewritten for inference: the same function with its batch norms folded into the convolutions.

A norm and the ReLU after it, relu(s x + b), equal s clip(x) + b where the clip keeps x on the side on which s x + b is
positive. s and b then go into the 1x1 convolution that follows, so one clip per layer is left of the two passes; the
norm between two convolutions goes into the first. Pooling of a transition is moved before its 1x1 convolution, which
commutes with it. The channels of a stage lie in one buffer instead of being copied by every layer.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.networks.densenet import DenseLayer, DenseNet121, Transition


class Clip(nn.Module):
    """The part of a folded norm and ReLU that is not linear: keeps x on the side where the norm is positive."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        scale, shift = affine(norm)
        edge = -shift / torch.where(scale == 0, 1.0, scale)
        self.register_buffer("low", torch.where(scale > 0, edge, -torch.inf).view(1, -1, 1, 1))
        self.register_buffer("high", torch.where(scale < 0, edge, torch.inf).view(1, -1, 1, 1))
        self.one_sided = bool((scale > 0).all())

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> the same."""
        if self.one_sided:
            return torch.maximum(x, self.get_buffer("low"))
        return torch.clamp(x, self.get_buffer("low"), self.get_buffer("high"))


class FoldedLayer(nn.Module):
    """A dense layer: (n, c, h, w) -> the (n, GROWTH, h, w) that it adds."""

    def __init__(self, layer: DenseLayer) -> None:
        super().__init__()
        self.clip = Clip(layer.norm0)
        self.conv1 = _after(*_before(layer.norm0, layer.conv1), layer.norm1)
        self.conv2 = copy.deepcopy(layer.conv2)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, GROWTH, h, w)."""
        out: Tensor = self.conv2(self.conv1(self.clip(x)).relu_())
        return out


class FoldedTransition(nn.Module):
    """Halves channels and sides."""

    def __init__(self, transition: Transition) -> None:
        super().__init__()
        self.clip = Clip(transition.norm)
        self.conv = _conv(*_before(transition.norm, transition.conv))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, c / 2, h / 2, w / 2)."""
        out: Tensor = self.conv(functional.avg_pool2d(self.clip(x), 2))
        return out


class FoldedDenseNet121(nn.Module):
    """`DenseNet121.features`, faster; in evaluation only."""

    def __init__(self, net: DenseNet121) -> None:
        super().__init__()
        scale, shift = affine(net.norm0)
        first = net.conv0
        self.conv0 = nn.Conv2d(3, first.out_channels, 7, stride=2, padding=3)
        self.conv0.weight.data = first.weight.detach() * scale.view(-1, 1, 1, 1)
        self.conv0.bias = nn.Parameter(shift)
        self.stages = nn.ModuleList()
        self.transitions = nn.ModuleList()
        for stage in net.stages:
            self.stages.append(
                nn.ModuleList(FoldedLayer(part) for part in stage.children() if isinstance(part, DenseLayer))
            )
            self.transitions.extend(FoldedTransition(part) for part in stage.children() if isinstance(part, Transition))
        self.norm_out = copy.deepcopy(net.norm_out)
        self.eval().requires_grad_(False)
        for parameter in self.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) RGB in [0, 1], channels last -> (n, FEATURES)."""
        x = functional.max_pool2d(self.conv0(x).relu_(), 3, stride=2, padding=1)
        for index, stage in enumerate(self.stages):
            x = _grow(x, stage)
            if index < len(self.transitions):
                x = self.transitions[index](x)
        pooled: Tensor = functional.relu(self.norm_out(x)).mean(dim=(2, 3))
        return pooled


def affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """A batch norm in evaluation as scale and shift, each (c,)."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias.detach() - norm.running_mean * scale


def _grow(x: Tensor, stage: nn.Module) -> Tensor:
    """All layers of a stage, each reading what the earlier ones wrote into one buffer."""
    layers = [layer for layer in stage.children() if isinstance(layer, FoldedLayer)]
    n, channels, height, width = x.shape
    growth = layers[0].conv2.out_channels
    whole = torch.empty(
        (n, channels + growth * len(layers), height, width),
        dtype=x.dtype, device=x.device, memory_format=torch.channels_last,
    )  # fmt: skip
    whole[:, :channels] = x
    for layer in layers:
        whole[:, channels : channels + growth] = layer(whole[:, :channels])
        channels += growth
    return whole


def _before(norm: nn.BatchNorm2d, conv: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of a 1x1 convolution that takes the clipped input in place of the normalised one."""
    scale, shift = affine(norm)
    shift = torch.where(scale == 0, shift.clamp(min=0), shift)  # a constant channel has no side to be kept on
    weight = conv.weight.detach()
    return weight * scale.view(1, -1, 1, 1), (weight * shift.view(1, -1, 1, 1)).sum(dim=(1, 2, 3))


def _after(weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """That convolution with the norm that follows it."""
    scale, shift = affine(norm)
    return _conv(weight * scale.view(-1, 1, 1, 1), bias * scale + shift)


def _conv(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    conv = nn.Conv2d(weight.shape[1], weight.shape[0], 1)
    conv.weight, conv.bias = nn.Parameter(weight.contiguous()), nn.Parameter(bias)
    return conv
