"""Folders as CellWhisperer's and SpatialWhisperer's authors release them, made here with random weights."""

import csv
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import BertConfig, BertForMaskedLM, BertModel

from tests.models.published.conftest import randomise

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "t", "cells", "tumor", "##s", "immune", "a", "of", "sample", "T"]


class Head(nn.Module):
    """The projection, written as the papers describe it."""

    def __init__(self, inputs: int, dim: int) -> None:
        super().__init__()
        layers = [nn.Linear(inputs, dim, bias=False), nn.BatchNorm1d(dim), nn.ReLU(), nn.Linear(dim, dim)]
        self.feature_nonlinear = nn.Sequential(*layers)
        self.feature_shortcut = nn.Linear(inputs, dim)
        self.feature_block_ln = nn.LayerNorm(dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.feature_block_ln(self.feature_nonlinear(x) + self.feature_shortcut(x))
        return y / y.norm(dim=1, keepdim=True)


class Release:
    """Random towers, and the folder that holds them."""

    def __init__(
        self, folder: Path, genes: dict[str, tuple[int, float]], sizes: dict[str, Any], image_dim: int | None = None
    ) -> None:
        self.folder, self.genes = folder, genes
        ranks = {"vocab_size": max(token for token, _ in genes.values()) + 1, "hidden_act": "relu", "pad_token_id": 0}
        self.geneformer = BertForMaskedLM(BertConfig(**ranks | sizes["geneformer"]))
        self.text = BertModel(BertConfig(**{"vocab_size": len(WORDS)} | sizes["text"]))
        dim, block = sizes["dim"], "img_block" if image_dim is None else "transcriptome_block"
        heads = {
            block: Head(self.geneformer.config.hidden_size, dim),
            "text_block": Head(self.text.config.hidden_size, dim),
        }
        if image_dim is not None:
            heads["image_block"] = Head(image_dim, dim)
        self.heads = nn.ModuleDict(heads)
        self.block = block
        for module in (self.geneformer, self.text, self.heads):
            randomise(module)
        self.temperature = torch.tensor(2.9)

    def state(self) -> dict[str, torch.Tensor]:
        state = {f"model.text_model.{name}": value for name, value in self.text.state_dict().items()}
        state |= {f"model.discriminator.{name}": value for name, value in self.heads.state_dict().items()}
        return state | {"model.discriminator.temperature": self.temperature}

    def write(self, state: dict[str, torch.Tensor] | None = None) -> Path:
        """A Lightning checkpoint with config objects, beside Geneformer, its dictionaries and BioBERT's vocabulary."""
        self.folder.mkdir(exist_ok=True)
        name = "cellwhisperer.jointemb.config"
        module, package, parent = (
            types.ModuleType(name),
            types.ModuleType("cellwhisperer.jointemb"),
            types.ModuleType("cellwhisperer"),
        )
        config_class = type("TranscriptomeTextDualEncoderConfig", (), {"__module__": name})
        module.TranscriptomeTextDualEncoderConfig = config_class  # type: ignore[attr-defined]
        made = {name: module, package.__name__: package, "cellwhisperer": parent}
        config = config_class()
        config.projection_dim, config.text = 2048, self.text.config
        sys.modules.update(made)
        try:
            content = {"state_dict": state or self.state(), "hyper_parameters": {"model_config": config}, "epoch": 3}
            torch.save(content | {"pytorch-lightning_version": "2.1.0"}, self.folder / "clip_v1.ckpt")
        finally:
            for key in made:
                del sys.modules[key]
        tower = self.folder / "geneformer-12L-30M"
        self.geneformer.save_pretrained(tower)
        (tower / "model.safetensors").unlink()
        torch.save(self.geneformer.state_dict(), tower / "pytorch_model.bin")
        write_pickle(self.folder / "token_dictionary.pkl", {gene: token for gene, (token, _) in self.genes.items()})
        write_pickle(
            self.folder / "gene_median_dictionary.pkl", {gene: median for gene, (_, median) in self.genes.items()}
        )
        with (self.folder / "ensembl_gene_symbol_map.csv").open("w", newline="") as file:
            rows = [["external_gene_name", "ensembl_gene_id"], *([f"S{gene[-4:]}", gene] for gene in self.genes)]
            csv.writer(file).writerows(rows)
        words = self.folder / "biobert-v1.1"
        words.mkdir(exist_ok=True)
        (words / "vocab.txt").write_text("\n".join(WORDS) + "\n")
        self.text.config.save_pretrained(words)
        (words / "tokenizer_config.json").write_text('{"do_lower_case": false}')
        return self.folder


def write_pickle(path: Path, value: Any) -> None:
    path.write_bytes(pickle.dumps(value))
