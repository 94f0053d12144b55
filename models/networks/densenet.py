"""DenseNet-121 (Huang et al. 2017), fully convolutional: any tile of at least 32 px, global average pooling."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

BLOCKS = (6, 12, 24, 16)
GROWTH = 32
FEATURES = 1024
EPSILON = 1.001e-5


class DenseLayer(nn.Module):
    """Adds `GROWTH` channels to its input: 1x1 bottleneck, then 3x3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm0 = nn.BatchNorm2d(channels, EPSILON)
        self.conv1 = nn.Conv2d(channels, 4 * GROWTH, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(4 * GROWTH, EPSILON)
        self.conv2 = nn.Conv2d(4 * GROWTH, GROWTH, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, c + GROWTH, h, w)."""
        inner = self.conv1(functional.relu(self.norm0(x)))
        return torch.cat([x, self.conv2(functional.relu(self.norm1(inner)))], dim=1)


class Transition(nn.Module):
    """Halves channels and sides."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, EPSILON)
        self.conv = nn.Conv2d(channels, channels // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, c / 2, h / 2, w / 2)."""
        return functional.avg_pool2d(self.conv(functional.relu(self.norm(x))), 2)


class DenseNet121(nn.Module):
    """RGB in [0, 1] -> pooled features of length `FEATURES`, then a linear projection to `dim`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.norm0 = nn.BatchNorm2d(64, EPSILON)
        channels = 64
        self.stages = nn.ModuleList()
        for index, layers in enumerate(BLOCKS):
            stage = nn.Sequential(*(DenseLayer(channels + GROWTH * k) for k in range(layers)))
            channels += GROWTH * layers
            if index < len(BLOCKS) - 1:
                stage.append(Transition(channels))
                channels //= 2
            self.stages.append(stage)
        self.norm_out = nn.BatchNorm2d(channels, EPSILON)
        self.projection = nn.Linear(FEATURES, dim)

    def stem(self, x: Tensor) -> Tensor:
        """First convolution and pooling: sides shrink by four."""
        return functional.max_pool2d(functional.relu(self.norm0(self.conv0(x))), 3, stride=2, padding=1)

    def features(self, x: Tensor) -> Tensor:
        """All stages and global pooling: (n, 3, h, w) -> (n, FEATURES)."""
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return functional.relu(self.norm_out(x)).mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, dim)."""
        projected: Tensor = self.projection(self.features(x).float())
        return projected

    def set_projection(self, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """Replace the projection by (dim, FEATURES) and (dim,)."""
        with torch.no_grad():
            self.projection.weight.copy_(torch.from_numpy(weight))
            self.projection.bias.copy_(torch.from_numpy(bias))

    def get_projection(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The projection as (dim, FEATURES) and (dim,)."""
        return self.projection.weight.detach().numpy(), self.projection.bias.detach().numpy()
