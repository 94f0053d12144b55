"""BEiT-3 (Wang et al. 2023) as MUSK uses it: image and text never meet, so each is a transformer of its own."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.networks.foreign import From, joined

FIRST_POSITION = 2  # positions count from 2, as in fairseq


class SubNormBlock(nn.Module):
    """Pre-norm block with further norms inside attention and MLP (sub-LN)."""

    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self._heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.norm_inner, self.norm_hidden = nn.LayerNorm(dim), nn.LayerNorm(hidden)
        self.fc1, self.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def forward(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """(n, t, dim) -> (n, t, dim); `seen` (n, 1, 1, t) is False where not to look."""
        n, length, dim = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, length, 3, self._heads, dim // self._heads).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).reshape(n, length, dim)
        x = x + self.proj(self.norm_inner(mixed))
        out: Tensor = x + self.fc2(self.norm_hidden(functional.gelu(self.fc1(self.norm2(x)))))
        return out


class Beit3Branch(nn.Module):
    """One modality's blocks with its positions and last norm; the first token stands for the whole."""

    def __init__(self, dim: int, depth: int, heads: int, hidden: int, positions: int) -> None:
        super().__init__()
        self.positions = nn.Embedding(positions, dim)
        self.blocks = nn.ModuleList(SubNormBlock(dim, heads, hidden) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Embedded tokens (n, t, dim), mask (n, t) with 1 for real ones -> (n, dim)."""
        x = x + self.positions.weight[FIRST_POSITION : FIRST_POSITION + x.shape[1]]
        seen = None
        if mask is not None:
            x = x * mask[..., None].to(x.dtype)
            seen = mask[:, None, None, :].bool()
        for block in self.blocks:
            x = block(x, seen)
        out: Tensor = self.norm(x[:, 0])
        return out


class Musk(nn.Module):
    """MUSK's two branches and their heads."""

    def __init__(
        self, sizes: tuple[int, int, int, int], patch: int, vision_positions: int, text: tuple[int, int]
    ) -> None:
        super().__init__()
        dim, words = sizes[0], text[0]
        self.patches = nn.Conv2d(3, dim, patch, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.words = nn.Embedding(words, dim)
        self.vision = Beit3Branch(*sizes, vision_positions)
        self.language = Beit3Branch(*sizes, text[1])
        self.vision_head, self.language_head = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim, bias=False)
        self.logit_scale = nn.Parameter(torch.zeros(()))

    def embed_image(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, dim), not of unit norm."""
        patches = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), patches], dim=1)
        out: Tensor = self.vision_head(self.vision(tokens))
        return out

    def embed_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(n, t) -> (n, dim), not of unit norm."""
        out: Tensor = self.language_head(self.language(self.words(ids), mask))
        return out


def musk_names(depth: int) -> dict[str, From]:
    """Names in MUSK's file: branch A sees, branch B reads."""
    names: dict[str, From] = {}
    for own, way in (("vision", "A"), ("language", "B")):
        table: dict[str, str | tuple[str, ...]] = {
            "norm1": f"self_attn_layer_norm.{way}",
            "norm2": f"final_layer_norm.{way}",
            "qkv": tuple(f"self_attn.{part}_proj.{way}" for part in "qkv"),
            "proj": f"self_attn.out_proj.{way}",
            "norm_inner": f"self_attn.inner_attn_ln.{way}",
            "fc1": f"ffn.{way}.fc1",
            "fc2": f"ffn.{way}.fc2",
            "norm_hidden": f"ffn.{way}.ffn_layernorm",
        }
        names |= joined(depth, f"{own}.blocks.{{i}}", "beit3.encoder.layers.{i}", table)
        names[f"{own}.positions.weight"] = From((f"beit3.encoder.embed_positions.{way}.weight",))
        for kind in ("weight", "bias"):
            names[f"{own}.norm.{kind}"] = From((f"beit3.encoder.layer_norm.{way}.{kind}",))
            names[f"patches.{kind}"] = From((f"beit3.vision_embed.proj.{kind}",))
    names["cls_token"] = From(("beit3.vision_embed.cls_token",))
    names["words.weight"] = From(("beit3.text_embed.weight",))
    return names
