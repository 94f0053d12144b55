"""Pooling by learned queries (CoCa's attentional pooler)."""

import torch
from torch import Tensor, nn


class AttentionPool(nn.Module):
    """Queries look at all tokens: (n, t, context) -> (n, queries, dim)."""

    def __init__(self, dim: int, context: int, heads: int, queries: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(queries, dim))
        self.attn = nn.MultiheadAttention(dim, heads, kdim=context, vdim=context, batch_first=True)
        self.ln_q = nn.LayerNorm(dim)
        self.ln_k = nn.LayerNorm(context)

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, t, context) -> (n, queries, dim)."""
        keys = self.ln_k(tokens)
        queries = self.ln_q(self.query).expand(len(tokens), -1, -1)
        out: Tensor = self.attn(queries, keys, keys, need_weights=False)[0]
        return out
