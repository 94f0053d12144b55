"""CellWhisperer from its released files against transformers' BERT and a projection of its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertTokenizer

from models.card import ModelUnavailable
from models.convert.whisperer import convert_whisperer
from models.published.cellwhisperer import CellWhisperer
from tests.models.published.whisperer_release import WORDS, Release

GENES = {f"ENSG0000000{i:04d}": (2 + i, 0.5 + (i * 37 % 101) / 20) for i in range(300)}
SIZES: dict[str, Any] = {
    "geneformer": {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 8, "intermediate_size": 64,
                   "max_position_embeddings": 2048},
    "text": {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 96,
             "max_position_embeddings": 64},
    "dim": 40,
}  # fmt: skip


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return Release(tmp_path / "release", GENES, SIZES)


@pytest.fixture
def model(release: Release, tmp_path: Path) -> CellWhisperer:
    convert_whisperer(release.write(), tmp_path / "cellwhisperer", image=False)
    return CellWhisperer.load(tmp_path / "cellwhisperer")


def expression(n: int, genes: int) -> Any:
    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.gamma(0.5, 2, (n, genes)))
    counts[-1] = 0
    return np.log1p(counts / np.maximum(counts.sum(1, keepdims=True), 1) * 1e4).astype(np.float32)


def reference(release: Release, x: Any, genes: list[str]) -> Any:
    """A spot at a time, unpadded, by transformers' own classes."""
    out = []
    for row in np.expm1(x.astype(float)):
        total = sum(row) or 1
        values = {gene: value / total * 1e4 / GENES[gene][1] for gene, value in zip(genes, row, strict=True) if value}
        tokens = [GENES[gene][0] for gene in sorted(values, key=lambda gene: -values[gene])][:2048] or [9743]
        ids = torch.tensor([tokens])
        with torch.no_grad():
            hidden = release.geneformer(ids, output_hidden_states=True).hidden_states[-2]
            out.append(release.heads[release.block](hidden.mean(1))[0].numpy())
    return np.stack(out)


def test_expression_equals_geneformer_and_projection(release: Release, model: CellWhisperer) -> None:
    genes = list(GENES)
    x = expression(6, len(genes))[:5]
    found = model.embed_expression(x, genes)
    assert np.abs(found - reference(release, x, genes)).max() <= 1e-5
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    alone = np.concatenate([model.embed_expression(row[None], genes) for row in x])
    np.testing.assert_allclose(alone, found, atol=1e-5)


def test_genes_come_by_symbol_id_or_id_with_version(model: CellWhisperer) -> None:
    x = expression(3, len(GENES))[:2]
    by_id = model.embed_expression(x, list(GENES))
    np.testing.assert_array_equal(model.embed_expression(x, [f"{gene}.7" for gene in GENES]), by_id)
    np.testing.assert_array_equal(model.embed_expression(x, [f"S{gene[-4:]}" for gene in GENES]), by_id)
    more = np.concatenate([np.full((2, 3), 9, np.float32), x], axis=1)
    np.testing.assert_array_equal(model.embed_expression(more, ["LOC1", "mt-Nd1", "ENSG99", *GENES]), by_id)
    with pytest.raises(ValueError, match="Only 3 of the 4 genes"):
        model.embed_expression(x[:, :4], [*list(GENES)[:3], "Lyz2"])


def test_text_equals_bert_and_projection(release: Release, model: CellWhisperer) -> None:
    texts = ["T cells", "tumors of a sample", "immune", "t " * 200]
    found = model.encode_text(texts)
    tokenizer = BertTokenizer.from_pretrained(release.folder / "biobert-v1.1")
    with torch.no_grad():
        for text, vector in zip(texts, found, strict=True):
            ids = tokenizer(text, truncation=True, max_length=64, return_tensors="pt")
            expected = release.heads["text_block"](release.text(**ids).pooler_output)[0]
            assert np.abs(vector - expected.numpy()).max() <= 1e-5
    assert tokenizer("T").input_ids[1] == WORDS.index("T")  # cased, as its folder says
    assert model.encode_text([]).shape == (0, 40)


def test_zero_shot_uses_the_checkpoints_temperature(model: CellWhisperer) -> None:
    assert model.logit_scale == pytest.approx(np.exp(2.9), rel=1e-6)


@pytest.mark.parametrize(
    "name",
    ["model.text_model.pooler.dense.bias", "model.discriminator.img_block.feature_nonlinear.1.running_var",
     "model.discriminator.text_block.feature_block_ln.weight", "model.discriminator.temperature"],
)  # fmt: skip
@pytest.mark.parametrize("damage", ["missing", "extra", "misshapen"])
def test_a_tensor_that_does_not_fit_is_named(release: Release, tmp_path: Path, name: str, damage: str) -> None:
    state = release.state()
    if damage == "missing":
        del state[name]
    elif damage == "extra":
        name = f"{name}_odd"
        state[name] = torch.ones(2)
    else:
        state[name] = torch.ones(3, 3, 3)
    with pytest.raises(ModelUnavailable, match=name.rpartition("block.")[2].removeprefix("model.text_model.")):
        convert_whisperer(release.write(state), tmp_path / "out", image=False)
    assert not (tmp_path / "out").exists()


def test_geneformer_must_fit_its_config(release: Release, tmp_path: Path) -> None:
    folder = release.write()
    path = folder / "geneformer-12L-30M" / "pytorch_model.bin"
    state = release.geneformer.state_dict()
    del state["bert.encoder.layer.3.output.dense.bias"]
    torch.save(state, path)
    with pytest.raises(ModelUnavailable, match=r"encoder\.layer\.3\.output\.dense\.bias"):
        convert_whisperer(folder, tmp_path / "out", image=False)


@pytest.mark.parametrize(
    "absent", ["clip_v1.ckpt", "token_dictionary.pkl", "ensembl_gene_symbol_map.csv", "biobert-v1.1/vocab.txt"]
)
def test_what_is_absent_is_named(release: Release, tmp_path: Path, absent: str) -> None:
    folder = release.write()
    (folder / absent).unlink()
    with pytest.raises(ModelUnavailable, match=Path(absent).suffix.replace(".", r"\.")):
        convert_whisperer(folder, tmp_path / "out", image=False)


def test_a_checkpoint_of_the_successor_is_no_cellwhisperer(tmp_path: Path) -> None:
    folder = Release(tmp_path / "release", GENES, SIZES, image_dim=16).write()
    with pytest.raises(ModelUnavailable, match="image_block"):
        convert_whisperer(folder, tmp_path / "out", image=False)
