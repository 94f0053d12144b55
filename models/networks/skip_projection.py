"""CellWhisperer's projection into its joint space (a block of CLIP-Lite)."""

from torch import Tensor, nn
from torch.nn import functional


class SkipProjection(nn.Module):
    """A two-layer path and a linear shortcut, summed and normed. BatchNorm: evaluation mode only."""

    def __init__(self, inputs: int, dim: int) -> None:
        super().__init__()
        self.feature_nonlinear = nn.Sequential(
            nn.Linear(inputs, dim, bias=False), nn.BatchNorm1d(dim), nn.ReLU(), nn.Linear(dim, dim)
        )
        self.feature_shortcut = nn.Linear(inputs, dim)
        self.feature_block_ln = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs) -> (n, dim) of unit norm."""
        return functional.normalize(self.feature_block_ln(self.feature_nonlinear(x) + self.feature_shortcut(x)), dim=1)
