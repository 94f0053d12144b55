"""CellWhisperer (Schaefer et al. 2025): ranked genes and text in one space, once its checkpoint was converted."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from models.card import Card
from models.checkpoint import need, read_config
from models.null_phrases import NULL_PHRASES
from models.protocols import F32, Rows
from models.published.rank_encoding import GeneTokens, rank_encode, read_tokens
from models.published.wordpiece import WordPieces

if TYPE_CHECKING:
    from torch import Tensor

    from models.networks.whisperer import Whisperer

# Literal braces would be taken for places to fill in, so there are none.
SIDE_FILES = (
    "`hf download ctheodoris/Geneformer --revision 9d41e7053af8a702003d99305cee01cd34b62ab7 --include "
    "'geneformer-12L-30M/*' 'geneformer/*.pkl' --local-dir FOLDER`; "
    "`hf download dmis-lab/biobert-v1.1 vocab.txt config.json tokenizer_config.json --local-dir FOLDER/biobert-v1.1`; "
    "ensembl_gene_symbol_map.csv of github.com/zinagoodlab/spatialwhisperer (src/spatialwhisperer/data)"
)
LEAST_GENES = 100  # as many as CellWhisperer asks of a cell
TEXTS = 64
CELLS = {"cpu": 4, "cuda": 32}
SPOTS_AT_ONCE = 2048  # of expression that may lie on disk


class CellWhisperer:
    """Cosines between spots and words; any wording is meaningful, so there is no list of known terms."""

    card: ClassVar[Card] = Card(
        name="cellwhisperer",
        task="joint",
        dim=2048,
        license="weights under the terms of their page; Geneformer Apache-2.0",
        source="https://medical-epigenomics.org/papers/schaefer2025cellwhisperer",
        summary="CellWhisperer v1: Geneformer-12L-30M and BioBERT in one space.",
        citation="Schaefer et al. 2025 (CellWhisperer); Theodoris et al. 2023 (Geneformer); Lee et al. 2020 (BioBERT)",
        files=("model.safetensors", "config.json", "genes.csv", "tokenizer/vocab.txt"),
        obtain=(
            "into one FOLDER: https://medical-epigenomics.org/papers/schaefer2025cellwhisperer/data/models/"
            f"cellwhisperer_clip_v1.ckpt; {SIDE_FILES}; then `python app.py models convert cellwhisperer FOLDER`; it "
            "writes {folder}"
        ),
        ranks_genes=True,
    )

    def __init__(self, net: "Whisperer", genes: GeneTokens, words: WordPieces, device: str = "cpu") -> None:
        from models.networks.compute import torch_device

        self._device = torch_device(device)
        self._net = net.float().to(self._device).eval()
        self._genes, self._words = genes, words
        self.logit_scale = math.exp(float(net.temperature.detach()))

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "CellWhisperer":
        """Read a converted folder, strictly."""
        net, words = load_whisperer(folder)
        return cls(net, read_tokens(folder / "genes.csv"), words, device)

    def embed_expression(self, x: Rows, genes: Sequence[str]) -> F32:
        """(n, g) log1p CP10K, genes by symbol or Ensembl id -> (n, 2048) unit rows; each spot by itself.

        Raises ValueError with fewer than 100 genes that Geneformer knows.
        """
        columns, tokens, medians = self._genes.columns(genes)
        if len(columns) < min(LEAST_GENES, len(self._genes.tokens)):
            raise ValueError(
                f"Only {len(columns)} of the {len(genes)} genes are known to {self.card.name}; it needs {LEAST_GENES} "
                "human genes by symbol or Ensembl id."
            )
        step, parts = CELLS.get(self._device.type, 4), []
        for start in range(0, max(len(x), 1), SPOTS_AT_ONCE):
            values = np.expm1(np.asarray(x[start : start + SPOTS_AT_ONCE], np.float64)[:, columns])
            parts.append(self._run(*rank_encode(values, tokens, medians), self._net.embed_ranks, step))
        return np.concatenate(parts)

    def encode_text(self, texts: Sequence[str]) -> F32:
        """q texts -> (q, 2048) unit rows; what is longer than BERT's positions is cut."""
        ids, mask = self._words(texts) if texts else (np.zeros((0, 1), np.int64),) * 2
        return self._run(ids, mask, self._net.embed_text, TEXTS)

    def null_texts(self) -> tuple[str, ...]:
        """Phrases that have nothing to do with tissue."""
        return NULL_PHRASES

    def nearest_terms(self, text: str, k: int = 5) -> list[tuple[str, float]]:
        """None: it learned from free descriptions, not from a list of terms."""
        return []

    def _run(self, ids: Any, mask: Any, embed: Any, step: int) -> F32:
        import torch

        parts: list[Tensor] = []
        with torch.inference_mode():
            for start in range(0, len(ids), step):
                seen = mask[start : start + step]
                longest = int(seen.sum(axis=1).max())
                batch = (torch.from_numpy(part[start : start + step, :longest]) for part in (ids, mask))
                parts.append(embed(*(part.to(self._device) for part in batch)))
        dim = self._net.text_block.feature_shortcut.out_features
        return torch.cat(parts).cpu().numpy() if parts else np.zeros((0, dim), np.float32)


def load_whisperer(folder: Path) -> "tuple[Whisperer, WordPieces]":
    """Towers and word pieces of a folder that `models convert` wrote."""
    from models.networks.bert import BertSpec
    from models.networks.loading import load_into
    from models.networks.whisperer import Whisperer

    config = read_config(folder)
    genes, text = (BertSpec(**need(config, key, folder)) for key in ("geneformer", "text"))
    net = load_into(Whisperer(genes, text, int(need(config, "dim", folder)), config.get("image_dim")), folder)
    return net, WordPieces(folder / "tokenizer", text.positions)
