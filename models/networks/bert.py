"""BERT (Devlin et al. 2019) with the tensor names of its published files; for words and for ranked genes."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.networks.transformer import ACTIVATIONS


@dataclass(frozen=True)
class BertSpec:
    """Sizes of a BERT; the defaults are those of BERT-base."""

    vocabulary: int
    dim: int = 768
    depth: int = 12
    heads: int = 12
    hidden: int = 3072
    positions: int = 512
    segments: int = 2
    activation: str = "gelu"
    epsilon: float = 1e-12
    pooler: bool = True

    @classmethod
    def of(cls, config: dict[str, Any], *, pooler: bool) -> "BertSpec":
        """From a published config.json of a BertModel."""
        return cls(
            config["vocab_size"],
            config["hidden_size"],
            config["num_hidden_layers"],
            config["num_attention_heads"],
            config["intermediate_size"],
            config["max_position_embeddings"],
            config.get("type_vocab_size", 2),
            config.get("hidden_act", "gelu"),
            config.get("layer_norm_eps", 1e-12),
            pooler,
        )


class Bert(nn.Module):
    """Post-norm transformer encoder; `forward` may leave out the last layers."""

    def __init__(self, spec: BertSpec) -> None:
        super().__init__()
        dim, epsilon = spec.dim, spec.epsilon
        self._heads, self._activate = spec.heads, ACTIVATIONS[spec.activation]
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(spec.vocabulary, dim),
                "position_embeddings": nn.Embedding(spec.positions, dim),
                "token_type_embeddings": nn.Embedding(spec.segments, dim),
                "LayerNorm": nn.LayerNorm(dim, epsilon),
            }
        )
        layers = nn.ModuleList(_layer(dim, spec.hidden, epsilon) for _ in range(spec.depth))
        self.encoder = nn.ModuleDict({"layer": layers})
        if spec.pooler:
            self.pooler = nn.ModuleDict({"dense": nn.Linear(dim, dim)})

    def forward(self, ids: Tensor, mask: Tensor, skip_last: int = 0) -> Tensor:
        """Token ids and mask (n, t), 1 for real tokens -> states (n, t, dim) after all but `skip_last` layers."""
        embed = self.embeddings
        positions = torch.arange(ids.shape[1], device=ids.device)
        first_segment = embed["token_type_embeddings"].weight[0]
        x = embed["word_embeddings"](ids) + embed["position_embeddings"](positions) + first_segment
        x = embed["LayerNorm"](x)
        seen = mask[:, None, None, :].bool()
        layers = list(self.encoder["layer"])
        for layer in layers[: len(layers) - skip_last]:
            x = self._run(layer, x, seen)
        return x

    def pool(self, states: Tensor) -> Tensor:
        """The published pooler: tanh of a dense layer on the first token. (n, t, dim) -> (n, dim)."""
        return torch.tanh(self.pooler["dense"](states[:, 0]))

    def _run(self, layer: nn.Module, x: Tensor, seen: Tensor) -> Tensor:
        n, length, dim = x.shape
        attend = layer["attention"]
        q, k, v = (
            attend["self"][part](x).view(n, length, self._heads, dim // self._heads).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).reshape(n, length, dim)
        x = attend["output"]["LayerNorm"](x + attend["output"]["dense"](mixed))
        inner = self._activate(layer["intermediate"]["dense"](x))
        out: Tensor = layer["output"]["LayerNorm"](x + layer["output"]["dense"](inner))
        return out


def _layer(dim: int, hidden: int, epsilon: float) -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            "attention": nn.ModuleDict(
                {
                    "self": nn.ModuleDict({part: nn.Linear(dim, dim) for part in ("query", "key", "value")}),
                    "output": nn.ModuleDict({"dense": nn.Linear(dim, dim), "LayerNorm": nn.LayerNorm(dim, epsilon)}),
                }
            ),
            "intermediate": nn.ModuleDict({"dense": nn.Linear(dim, hidden)}),
            "output": nn.ModuleDict({"dense": nn.Linear(hidden, dim), "LayerNorm": nn.LayerNorm(dim, epsilon)}),
        }
    )
