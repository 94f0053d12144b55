"""Towers with open_clip's tensor names, on torch's own multi-head attention: what the product is compared with."""

import json
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn


def quick_gelu(x: torch.Tensor) -> torch.Tensor:
    return x / (1 + torch.exp(-1.702 * x))


class Residual(nn.Module):
    def __init__(self, dim: int, heads: int, quick: bool) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = nn.MultiheadAttention(dim, heads)
        self.mlp = nn.Sequential(OrderedDict(c_fc=nn.Linear(dim, 4 * dim), c_proj=nn.Linear(4 * dim, dim)))
        self.activation = quick_gelu if quick else nn.functional.gelu

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """(tokens, n, dim): sequence first."""
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp.c_proj(self.activation(self.mlp.c_fc(self.ln_2(x))))


class Blocks(nn.Module):
    def __init__(self, dim: int, heads: int, depth: int, quick: bool = False) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Residual(dim, heads, quick) for _ in range(depth))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        x = x.transpose(0, 1)
        for block in self.resblocks:
            x = block(x, mask)
        return x.transpose(0, 1)


def causal(length: int) -> torch.Tensor:
    return torch.triu(torch.ones(length, length), 1) * torch.finfo(torch.float32).min


def write_clip_vocabulary(folder: Path) -> int:
    """vocab.json and merges.txt of letters, a few merges and the two special tokens; returns the number of tokens."""
    letters = [chr(code) for code in range(33, 127)]
    merges = ["t h", "th e</w>", "c e", "ce l", "l s</w>", "t u", "tu m"]
    pieces = letters + [f"{letter}</w>" for letter in letters] + [merge.replace(" ", "") for merge in merges]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({piece: i for i, piece in enumerate(pieces)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    return len(pieces)
