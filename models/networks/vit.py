"""Vision transformers as pathology uses them: timm's, DINOv2's and CLIP's, with or without registers."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.networks.transformer import Block, BlockSpec


@dataclass(frozen=True)
class VitSpec:
    """Sizes of a vision transformer.

    `hidden` is the width of an MLP's first layer (gate and value together where `packed`); `registers` follow the
    class token; `prefix_positions` says whether class token and registers have positions of their own; `norm_first` a
    norm before the blocks (CLIP), where patches have no bias.
    """

    patch: int
    dim: int
    depth: int
    heads: int
    hidden: int
    image: int = 224
    registers: int = 0
    packed: bool = False
    activation: str = "gelu"
    scaled: bool = True
    prefix_positions: bool = True
    norm_first: bool = False
    epsilon: float = 1e-6

    @property
    def prefix(self) -> int:
        """Tokens before the patches."""
        return 1 + self.registers

    @property
    def block(self) -> BlockSpec:
        """Sizes of each block."""
        return BlockSpec(self.dim, self.heads, self.hidden, self.activation, self.packed, self.scaled, self.epsilon)


class VisionTransformer(nn.Module):
    """(n, 3, image, image) normalised RGB -> tokens (n, prefix + patches, dim), after the last norm."""

    def __init__(self, spec: VitSpec) -> None:
        super().__init__()
        self.spec = spec
        side = spec.image // spec.patch
        positions = side * side + (spec.prefix if spec.prefix_positions else 0)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, spec.dim))
        if spec.registers:
            self.reg_token = nn.Parameter(torch.zeros(1, spec.registers, spec.dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, positions, spec.dim))
        patches = nn.Conv2d(3, spec.dim, spec.patch, spec.patch, bias=not spec.norm_first)
        self.patch_embed = nn.ModuleDict({"proj": patches})
        self.norm_pre: nn.Module = nn.LayerNorm(spec.dim, spec.epsilon) if spec.norm_first else nn.Identity()
        self.blocks = nn.ModuleList(Block(spec.block) for _ in range(spec.depth))
        self.norm = nn.LayerNorm(spec.dim, spec.epsilon)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, prefix + patches, dim)."""
        patches = self.patch_embed["proj"](x).flatten(2).transpose(1, 2)
        first = [self.cls_token] + ([self.reg_token] if self.spec.registers else [])
        prefix = torch.cat(first, dim=1).expand(len(x), -1, -1)
        if self.spec.prefix_positions:
            tokens = torch.cat([prefix, patches], dim=1) + self.pos_embed
        else:
            tokens = torch.cat([prefix, patches + self.pos_embed], dim=1)
        tokens = self.norm_pre(tokens)
        for block in self.blocks:
            tokens = block(tokens)
        out: Tensor = self.norm(tokens)
        return out

    def resample_positions(self, image: int, mode: str) -> None:
        """Take images of another size from now on: positions of patches are interpolated once."""
        if image == self.spec.image:
            return
        kept = self.spec.prefix if self.spec.prefix_positions else 0
        prefix, grid = self.pos_embed[:, :kept], self.pos_embed[:, kept:]
        old, new = self.spec.image // self.spec.patch, image // self.spec.patch
        maps = grid.detach().reshape(1, old, old, -1).permute(0, 3, 1, 2)
        scaled = functional.interpolate(maps, size=(new, new), mode=mode, align_corners=False)
        flat = scaled.permute(0, 2, 3, 1).reshape(1, new * new, -1)
        self.pos_embed = nn.Parameter(torch.cat([prefix, flat], dim=1).detach())
