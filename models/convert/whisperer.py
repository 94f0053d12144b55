"""Checkpoints of CellWhisperer and SpatialWhisperer (Lightning) to safetensors + JSON.

One folder holds what belongs together: the .ckpt, Geneformer with its dictionaries, BioBERT's vocabulary, a table of
gene symbols. Config objects in the checkpoint become stand-ins; nothing of them is executed.
"""

import csv
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from models import checkpoint
from models.card import ModelUnavailable
from models.convert.stand_ins import Array
from models.convert.torch_file import read_torch_file
from models.convert.unpickle import read_pickle
from models.networks.bert import BertSpec
from models.networks.foreign import fill, first_file, read_tensors
from models.networks.loading import arrays_of
from models.networks.whisperer import Whisperer
from models.published.rank_encoding import GeneTokens, write_tokens
from models.published.vit_encoder import WEIGHTS, read_json

INERT = (
    "cellwhisperer",
    "spatialwhisperer",
    "transformers",
    "lightning",
    "pytorch_lightning",
    "lightning_fabric",
    "torch.optim",
    "torchmetrics",
    "omegaconf",
    "jsonargparse",
    "functools",
    "datetime",
    "enum",
    "pathlib",
    "argparse",
)
TRANSCRIPTOME_BLOCKS = ("img_block", "transcriptome_block")  # CellWhisperer's name and SpatialWhisperer's
BLOCKS = (*TRANSCRIPTOME_BLOCKS, "text_block", "image_block")
TEMPERATURE = "model.discriminator.temperature"
GENEFORMER = "model.transcriptome_model.geneformer_model."
UNUSED_GENEFORMER = (r"cls\..*", r"pooler\..*")


def convert_whisperer(folder: Path, out: Path, *, image: bool) -> dict[str, Any]:
    """Write model.safetensors, config.json, genes.csv and tokenizer/ into `out`; `image` for SpatialWhisperer.

    Raises ModelUnavailable that names what is absent in `folder`, or each tensor that does not fit.
    """
    ckpt = _one(folder, "*.ckpt", "the checkpoint (.ckpt)")
    geneformer = _one(folder, "**/geneformer-12L-30M", "the folder geneformer-12L-30M")
    vocabulary = _one(folder, "**/vocab.txt", "BioBERT's vocab.txt")
    genes = _genes(folder)
    state = _state(ckpt)
    blocks = {name: _part(state, f"model.discriminator.{name}.") for name in BLOCKS}
    transcriptome = next((blocks[name] for name in TRANSCRIPTOME_BLOCKS if blocks[name]), None)
    if transcriptome is None or not blocks["text_block"] or bool(blocks["image_block"]) != image:
        has = ", ".join(name for name, part in blocks.items() if part) or "no projections"
        raise ModelUnavailable(f"{ckpt} has {has}; it is no checkpoint of {'Spatial' if image else 'Cell'}Whisperer.")
    text = _part(state, "model.text_model.")
    config = read_json(geneformer / "config.json")
    if not config:
        raise ModelUnavailable(f"{geneformer / 'config.json'} is missing: it says how many heads Geneformer has.")
    specs = BertSpec.of(config, pooler=False), _biobert(text, vocabulary.parent)
    dim = _rows(transcriptome, "feature_shortcut.weight", ckpt)
    image_dim = _columns(blocks["image_block"], "feature_shortcut.weight", ckpt) if image else None
    net = Whisperer(*specs, dim, image_dim)
    fill(net.geneformer, _geneformer(state, geneformer), geneformer, unused=UNUSED_GENEFORMER)
    fill(net.text_model, text, ckpt)
    fill(net.transcriptome_block, transcriptome, ckpt)
    fill(net.text_block, blocks["text_block"], ckpt)
    if image:
        fill(net.image_block, blocks["image_block"], ckpt)
    _temperature(net, state, ckpt)
    written = {"geneformer": asdict(specs[0]), "text": asdict(specs[1]), "dim": dim, "image_dim": image_dim}
    checkpoint.write(out, arrays_of(net, half=False), written)
    write_tokens(out / "genes.csv", genes)
    (out / "tokenizer").mkdir(exist_ok=True)
    for name in ("vocab.txt", "tokenizer_config.json"):
        if (vocabulary.parent / name).is_file():
            shutil.copy(vocabulary.parent / name, out / "tokenizer" / name)
    return written


def _one(folder: Path, pattern: str, what: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        named = ", ".join(str(path.relative_to(folder)) for path in found) or "none"
        raise ModelUnavailable(f"{folder} must hold {what} exactly once; found {named}.")
    return found[0]


def _state(ckpt: Path) -> dict[str, Array]:
    found = read_torch_file(ckpt, INERT)
    state = found.get("state_dict") if isinstance(found, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, np.ndarray) for value in state.values()):
        raise ModelUnavailable(f"{ckpt} has no state_dict of tensors: it is no Lightning checkpoint.")
    towers = ("model.text_model.", "model.transcriptome_model.", "model.image_model.")
    heads = tuple(f"model.discriminator.{block}." for block in BLOCKS)
    extra = [name for name in state if not name.startswith((*towers, *heads)) and name != TEMPERATURE]
    if extra:
        raise ModelUnavailable(f"{ckpt} has unexpected tensors: {', '.join(extra[:8])}.")
    return state


def _part(state: dict[str, Array], prefix: str) -> dict[str, Array]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _geneformer(state: dict[str, Array], folder: Path) -> dict[str, Any]:
    """Its own file, unless the checkpoint carries a trained one; our names have no "bert."."""
    tensors = _part(state, GENEFORMER) or read_tensors(first_file(folder, WEIGHTS))
    return {name.removeprefix("bert."): value for name, value in tensors.items()}


def _biobert(text: dict[str, Array], folder: Path) -> BertSpec:
    """BERT-base, or what the folder's config.json says; the vocabulary is as large as the checkpoint's."""
    config = read_json(folder / "config.json")
    words = text.get("embeddings.word_embeddings.weight")
    return BertSpec.of(config, pooler=True) if config else BertSpec(0 if words is None else len(words))


def _rows(block: dict[str, Array], name: str, ckpt: Path) -> int:
    return int(_shape(block, name, ckpt)[0])


def _columns(block: dict[str, Array], name: str, ckpt: Path) -> int:
    return int(_shape(block, name, ckpt)[1])


def _shape(block: dict[str, Array], name: str, ckpt: Path) -> tuple[int, ...]:
    if name not in block or block[name].ndim != 2:
        raise ModelUnavailable(f"The tensors of {ckpt} are not those of this model: missing '{name}' of a projection.")
    return block[name].shape


def _temperature(net: Whisperer, state: dict[str, Array], ckpt: Path) -> None:
    checkpoint.require_fit({name: state[name] for name in state if name == TEMPERATURE}, {TEMPERATURE: ()}, ckpt)
    net.temperature.data.fill_(float(state[TEMPERATURE]))


def _genes(folder: Path) -> GeneTokens:
    tokens: dict[str, int] = read_pickle(_one(folder, "**/token_dictionary.pkl", "token_dictionary.pkl"))
    medians: dict[str, float] = read_pickle(_one(folder, "**/gene_median_dictionary.pkl", "gene_median_dictionary.pkl"))
    table = _one(folder, "**/ensembl_gene_symbol_map.csv", "ensembl_gene_symbol_map.csv")
    with table.open(newline="") as file:
        rows = csv.DictReader(file)
        absent = {"external_gene_name", "ensembl_gene_id"} - set(rows.fieldnames or ())
        if absent:
            raise ModelUnavailable(f"{table} lacks the columns {', '.join(sorted(absent))}.")
        symbols = [(row["external_gene_name"], row["ensembl_gene_id"].split(".")[0]) for row in rows]
    known = {name: int(token) for name, token in tokens.items() if name in medians}
    ids = {symbol: name for symbol, name in reversed(symbols) if symbol and name in known}
    return GeneTokens(known, {name: float(medians[name]) for name in known}, ids)
