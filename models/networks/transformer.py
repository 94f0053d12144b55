"""Pre-norm transformer blocks with the tensor names that timm gives them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


def _quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "quick_gelu": _quick_gelu,
    "silu": functional.silu,
    "relu": functional.relu,
}


@dataclass(frozen=True)
class BlockSpec:
    """Sizes of a block: `hidden` is the width of the MLP's first layer, gate and value together where `packed`."""

    dim: int
    heads: int
    hidden: int
    activation: str = "gelu"
    packed: bool = False
    scaled: bool = False
    epsilon: float = 1e-5


class Attention(nn.Module):
    """Self-attention with one matrix for queries, keys and values."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(n, t, dim) -> (n, t, dim); `mask` is added to the attention logits, or False where not to look."""
        n, length, dim = x.shape
        q, k, v = self.qkv(x).view(n, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(n, length, dim))
        return out


class Mlp(nn.Module):
    """Two layers; `packed` makes the first one a gate and a value (SwiGLU), half of `hidden` each."""

    def __init__(self, dim: int, hidden: int, activation: str, packed: bool) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden // 2 if packed else hidden, dim)
        self._activate, self._packed = ACTIVATIONS[activation], packed

    def forward(self, x: Tensor) -> Tensor:
        """(..., dim) -> (..., dim)."""
        inner = self.fc1(x)
        if self._packed:
            gate, value = inner.chunk(2, dim=-1)
            inner = self._activate(gate) * value
        else:
            inner = self._activate(inner)
        out: Tensor = self.fc2(inner)
        return out


class Scale(nn.Module):
    """One learned factor per channel (LayerScale)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """(..., dim) -> (..., dim)."""
        return x * self.gamma


class Block(nn.Module):
    """Attention and MLP, each behind a norm and on a residual path."""

    def __init__(self, spec: BlockSpec) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(spec.dim, spec.epsilon)
        self.attn = Attention(spec.dim, spec.heads)
        self.ls1: nn.Module = Scale(spec.dim) if spec.scaled else nn.Identity()
        self.norm2 = nn.LayerNorm(spec.dim, spec.epsilon)
        self.mlp = Mlp(spec.dim, spec.hidden, spec.activation, spec.packed)
        self.ls2: nn.Module = Scale(spec.dim) if spec.scaled else nn.Identity()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(n, t, dim) -> (n, t, dim)."""
        x = x + self.ls1(self.attn(self.norm1(x), mask))
        out: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return out
