"""Image-text models, tiny, in their published folders, against towers of other make."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from models.card import ModelUnavailable
from models.networks.pixels import CLIP, HALF, IMAGENET
from models.protocols import ImageTextModel
from models.published.conch import ConchModel
from models.published.image_text import TwoTowers
from models.published.keep import KeepModel
from models.published.musk import MuskModel
from models.published.plip import Plip
from models.published.quiltnet import QuiltNet
from tests.models.published.conftest import randomise
from tests.models.published.open_clip_layout import Blocks, causal, write_clip_vocabulary

TEXTS = ["T cells", "the tumor, 3 of them", "x", "cells " * 90]


def pixels(tiles: NDArray[np.uint8], normal: Any, px: int = 224) -> torch.Tensor:
    from PIL import Image

    mean, sd = map(np.array, normal)
    resized = [np.asarray(Image.fromarray(tile).resize((px, px), Image.Resampling.BICUBIC)) for tile in tiles]
    return torch.from_numpy(((np.stack(resized) / 255 - mean) / sd).transpose(0, 3, 1, 2).astype(np.float32))


def same(model: TwoTowers, tiles: NDArray[np.uint8], image: torch.Tensor, text: torch.Tensor, scale: float) -> None:
    """Features, unit vectors and scale, each within 1e-5."""
    assert isinstance(model, ImageTextModel)
    features = model.encode_image(tiles)
    assert np.abs(features - image.detach().numpy()).max() <= 1e-5
    expected = torch.nn.functional.normalize(image, dim=1).detach().numpy()
    assert np.abs(model.project_image(features) - expected).max() <= 1e-5
    expected = torch.nn.functional.normalize(text, dim=1).detach().numpy()
    assert np.abs(model.encode_text(TEXTS) - expected).max() <= 1e-5
    assert model.logit_scale == pytest.approx(np.exp(scale), rel=1e-5)
    assert model.encode_text([]).shape == (0, model.card.dim) and model.encoder == model.card.name


def state_of(module: nn.Module, prefix: str = "") -> dict[str, torch.Tensor]:
    return {prefix + name: value.contiguous().clone() for name, value in module.state_dict().items()}


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_plip(tmp_path: Path, tiles: NDArray[np.uint8], name: str) -> None:
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    words = write_clip_vocabulary(tmp_path)
    sizes = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
    ends = {"bos_token_id": words - 2, "eos_token_id": words - 1}
    config = CLIPConfig(
        text_config=sizes | ends | {"vocab_size": words}, vision_config=sizes | {"patch_size": 32}, projection_dim=24
    )
    model = randomise(CLIPModel(config))
    model.save_pretrained(tmp_path)
    if name == "pytorch_model.bin":
        (tmp_path / "model.safetensors").unlink()
        torch.save(model.state_dict(), tmp_path / name)
    tokens = CLIPTokenizer.from_pretrained(tmp_path)(
        TEXTS, padding="max_length", truncation=True, max_length=77, return_tensors="pt"
    )
    with torch.no_grad():
        image = model.visual_projection(model.vision_model(pixels(tiles, CLIP)).pooler_output)
        text = model.text_projection(model.text_model(tokens["input_ids"], tokens["attention_mask"]).pooler_output)
    same(Plip.load(tmp_path), tiles, image, text, float(model.logit_scale.detach()))


class OpenClip(nn.Module):
    """open_clip's CLIP: a batch first, positions added, the class token or the end token read."""

    def __init__(self, words: int, quick: bool) -> None:
        super().__init__()
        self.visual = nn.Module()
        self.visual.class_embedding = nn.Parameter(torch.zeros(64))
        self.visual.positional_embedding = nn.Parameter(torch.zeros(50, 64))
        self.visual.proj = nn.Parameter(torch.zeros(64, 24))
        self.visual.conv1 = nn.Conv2d(3, 64, 32, 32, bias=False)
        self.visual.ln_pre, self.visual.ln_post = nn.LayerNorm(64), nn.LayerNorm(64)
        self.visual.transformer = Blocks(64, 1, 2, quick)
        self.positional_embedding = nn.Parameter(torch.zeros(77, 32))
        self.text_projection = nn.Parameter(torch.zeros(32, 24))
        self.token_embedding = nn.Embedding(words, 32)
        self.transformer = Blocks(32, 2, 2, quick)
        self.ln_final = nn.LayerNorm(32)
        self.logit_scale = nn.Parameter(torch.zeros(()))

    def encode_image(self, x: torch.Tensor) -> torch.Tensor:
        x = self.visual.conv1(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.visual.class_embedding.expand(len(x), 1, -1), x], 1) + self.visual.positional_embedding
        return self.visual.ln_post(self.visual.transformer(self.visual.ln_pre(x)))[:, 0] @ self.visual.proj

    def encode_text(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.transformer(self.token_embedding(ids) + self.positional_embedding, causal(77))
        return self.ln_final(x)[torch.arange(len(x)), ids.argmax(1)] @ self.text_projection


@pytest.mark.parametrize("quick", [False, True])
def test_quiltnet(tmp_path: Path, tiles: NDArray[np.uint8], quick: bool) -> None:
    from transformers import CLIPTokenizer

    words = write_clip_vocabulary(tmp_path)
    model = randomise(OpenClip(words, quick))
    vision = {"image_size": 224, "layers": 2, "width": 64, "patch_size": 32}
    text = {"context_length": 77, "vocab_size": words, "width": 32, "heads": 2, "layers": 2}
    config: dict[str, Any] = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text}
    config |= {"quick_gelu": True} if quick else {}
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    torch.save(state_of(model) | {"attn_mask": causal(77)}, tmp_path / "open_clip_pytorch_model.bin")
    found = CLIPTokenizer.from_pretrained(tmp_path)(TEXTS, truncation=True, max_length=77)["input_ids"]
    ids = torch.tensor([row + [0] * (77 - len(row)) for row in found])  # open_clip pads with 0
    with torch.no_grad():
        image, words_out = model.encode_image(pixels(tiles, CLIP)), model.encode_text(ids)
    same(QuiltNet.load(tmp_path), tiles, image, words_out, float(model.logit_scale.detach()))


@pytest.mark.parametrize("stored_px", [448, 224])
def test_conch(tmp_path: Path, timm: ModuleType, stored_px: int) -> None:
    """Image tower by timm; pooler and text tower by torch's attention, sequence first, as CONCH has them."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    tiles = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    sizes = {"embed_dim": 64, "depth": 2, "num_heads": 1, "patch_size": 32, "num_classes": 0, "dynamic_img_size": True}
    trunk = randomise(timm.models.vision_transformer.VisionTransformer(img_size=stored_px, **sizes))
    pool = nn.MultiheadAttention(24, 8, kdim=64, vdim=64)
    rest = nn.ModuleDict({"attn": pool, "ln_q": nn.LayerNorm(24), "ln_k": nn.LayerNorm(64)})
    after, words, length = nn.LayerNorm(24), 40, 128
    text = nn.ModuleDict(
        {"token_embedding": nn.Embedding(words, 64), "transformer": Blocks(64, 1, 2), "ln_final": nn.LayerNorm(64)}
    )
    for module in (rest, after, text):
        randomise(module)
    torch.manual_seed(1)
    query, proj, cls_emb = torch.randn(1, 24), torch.randn(24, 24) / 4, torch.randn(64) / 4
    positions, text_proj = torch.randn(length, 64) / 4, torch.randn(64, 24) / 4
    scale = torch.tensor(4.03)
    state = (
        state_of(trunk, "visual.trunk.")
        | state_of(rest, "visual.attn_pool_contrast.")
        | state_of(after, "visual.ln_contrast.")
    )
    state |= state_of(text, "text.") | {
        "visual.attn_pool_contrast.query": query, "visual.proj_contrast": proj, "text.cls_emb": cls_emb,
        "text.positional_embedding": positions, "text.text_projection": text_proj, "logit_scale": scale,
        "visual.attn_pool_caption.query": torch.ones(2, 3), "text_decoder.ln_final.weight": torch.ones(3),
    }  # fmt: skip
    torch.save(state, tmp_path / "pytorch_model.bin")
    alphabet = ["<pad>", "<start_of_text>", "<end_of_text>", "?", *"abcdefghijklmnopqrstuvwxyzTC,3"]
    tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(alphabet)}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    ends = [("<start_of_text>", 1), ("<end_of_text>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing("<start_of_text> $A <end_of_text>", special_tokens=ends)
    tokenizer.save(str(tmp_path / "conch_byte_level_bpe_uncased.json"))
    rows = []
    for text_in in TEXTS:
        row = [1, *[alphabet.index(letter) if letter in alphabet else 3 for letter in text_in][: length - 3], 2]
        rows.append(row + [0] * (length - 1 - len(row)))
    ids = torch.tensor(rows)
    with torch.no_grad():
        if stored_px != 448:
            trunk.set_input_size(448)
            old = state["visual.trunk.pos_embed"]
            grid = old[:, 1:].reshape(1, 7, 7, 64).permute(0, 3, 1, 2)
            grid = torch.nn.functional.interpolate(grid, size=(14, 14), mode="bilinear")
            trunk.pos_embed.data = torch.cat([old[:, :1], grid.permute(0, 2, 3, 1).reshape(1, 196, 64)], 1)
        keys = rest["ln_k"](trunk.forward_features(pixels(tiles, CLIP, 448))).transpose(0, 1)
        pooled = pool(rest["ln_q"](query)[:, None].repeat(1, len(tiles), 1), keys, keys)[0][0]
        image = after(pooled) @ proj
        x = torch.cat([text["token_embedding"](ids), cls_emb.expand(len(ids), 1, -1)], 1) + positions
        masks = causal(length).repeat(len(ids), 1, 1)
        masks[:, -1, 1:][ids == 0] = torch.finfo(torch.float32).min
        out = torch.cat([text["transformer"](row[None], mask) for row, mask in zip(x, masks, strict=True)])
        words_out = text["ln_final"](out[:, -1]) @ text_proj
    same(ConchModel.load(tmp_path), tiles, image, words_out, 4.03)


def test_keep(tmp_path: Path, timm: ModuleType, tiles: NDArray[np.uint8]) -> None:
    from transformers import BertConfig, BertModel, BertTokenizer

    sizes = {"embed_dim": 64, "depth": 2, "num_heads": 1, "init_values": 1e-5, "num_classes": 0}
    trunk = randomise(timm.create_model("vit_large_patch16_224", pretrained=False, **sizes))
    head = randomise(nn.Sequential(nn.Linear(64, 24), nn.GELU(), nn.Linear(24, 24)))
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "t", "cells", "the", "tumor", ",", "x"]
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary))
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    text_sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    config = BertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, **text_sizes)
    text = randomise(BertModel(config))
    state = state_of(trunk, "visual.") | state_of(head, "visual_head.") | state_of(text, "text.")
    state = {
        name.replace(".ls1.gamma", ".ls1.weight").replace(".ls2.gamma", ".ls2.weight"): v for name, v in state.items()
    }
    save_file(state | {"logit_scale": torch.tensor(3.2)}, tmp_path / "model.safetensors")
    vision = {"img_size": 224, "patch_size": 16, "init_values": 1e-5, "num_classes": 0}
    published = {"vision_config": vision, "text_config": config.to_dict(), "projection_dim": 24}
    (tmp_path / "config.json").write_text(json.dumps(published))
    tokens = BertTokenizer.from_pretrained(tmp_path)(
        TEXTS, max_length=64, padding="max_length", truncation=True, return_tensors="pt"
    )
    with torch.no_grad():
        image, words_out = head(trunk(pixels(tiles, IMAGENET))), text(**tokens).pooler_output
    same(KeepModel.load(tmp_path), tiles, image, words_out, 3.2)


class Both(nn.Module):
    """torchscale's pair of modules: A for the image, B for the text."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.A, self.B = make(), make()


class Beit3Layer(nn.Module):
    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()

        def norm(size: int = dim) -> nn.Module:
            return nn.LayerNorm(size)

        def mlp() -> nn.Module:
            first, second = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
            return nn.ModuleDict({"fc1": first, "fc2": second, "ffn_layernorm": norm(hidden)})

        parts = {f"{part}_proj": Both(lambda: nn.Linear(dim, dim)) for part in ("q", "k", "v", "out")}
        self.self_attn = nn.ModuleDict(parts | {"inner_attn_ln": Both(norm)})
        self.self_attn_layer_norm, self.final_layer_norm = Both(norm), Both(norm)
        self.ffn = Both(mlp)

    def forward(self, x: torch.Tensor, way: str, padded: torch.Tensor) -> torch.Tensor:
        """One head at a time, softmax written out."""
        at, y = self.self_attn, getattr(self.self_attn_layer_norm, way)(x)
        q, k, v = (getattr(at[f"{part}_proj"], way)(y).split(64, -1) for part in "qkv")
        heads = []
        for one_q, one_k, one_v in zip(q, k, v, strict=True):
            logits = (one_q / 8) @ one_k.transpose(1, 2)
            logits = logits.masked_fill(padded[:, None], float("-inf"))
            heads.append(torch.softmax(logits, -1) @ one_v)
        x = x + getattr(at["out_proj"], way)(getattr(at["inner_attn_ln"], way)(torch.cat(heads, -1)))
        mlp = getattr(self.ffn, way)
        inner = nn.functional.gelu(mlp["fc1"](getattr(self.final_layer_norm, way)(x)))
        return x + mlp["fc2"](mlp["ffn_layernorm"](inner))


def test_musk(tmp_path: Path) -> None:
    pieces = pytest.importorskip("sentencepiece", reason="sentencepiece is not installed: setup_env.py --test")
    (tmp_path / "text.txt").write_text("\n".join(["the tumor cells of T cells", "them of three", "xyz 3, a b c"] * 20))
    pieces.SentencePieceTrainer.train(
        input=str(tmp_path / "text.txt"), model_prefix=str(tmp_path / "tokenizer"), vocab_size=27, minloglevel=9
    )
    (tmp_path / "tokenizer.model").rename(tmp_path / "tokenizer.spm")
    tiles = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    dim, words = 128, 60
    layers = randomise(nn.ModuleList(Beit3Layer(dim, 96) for _ in range(2)))
    norm = randomise(Both(lambda: nn.LayerNorm(dim)))
    patches = randomise(nn.Conv2d(3, dim, 64, 64))
    torch.manual_seed(2)
    see, read, embed, cls_token = (
        torch.randn(39, dim),
        torch.randn(104, dim),
        torch.randn(words, dim),
        torch.randn(1, 1, dim),
    )
    heads = {name: torch.randn(dim, dim) / 11 for name in ("vision_head.weight", "language_head.weight")}
    state = state_of(layers, "beit3.encoder.layers.") | state_of(norm, "beit3.encoder.layer_norm.")
    state |= state_of(patches, "beit3.vision_embed.proj.") | heads | {
        "beit3.encoder.embed_positions.A.weight": see, "beit3.encoder.embed_positions.B.weight": read,
        "beit3.text_embed.weight": embed, "beit3.vision_embed.cls_token": cls_token,
        "beit3.vision_embed.mask_token": torch.zeros(1, 1, dim), "logit_scale": torch.tensor(2.5),
    }  # fmt: skip
    save_file(state, tmp_path / "model.safetensors")
    processor = pieces.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.spm"))
    rows = []
    for text in TEXTS:
        row = [
            0,
            *[
                processor.piece_to_id(p) + 1 if processor.piece_to_id(p) else 3
                for p in processor.encode(text, out_type=str)
            ][:98],
            2,
        ]
        rows.append(row + [1] * (100 - len(row)))
    ids = torch.tensor(rows)
    with torch.no_grad():
        x = patches(pixels(tiles, HALF, 384)).flatten(2).transpose(1, 2)
        x = torch.cat([cls_token.expand(len(x), -1, -1), x], 1) + see[2:]
        y = (embed[ids] + read[2:102]) * (ids != 1)[..., None]
        for layer in layers:
            x = layer(x, "A", torch.zeros(x.shape[:2], dtype=torch.bool))
            y = layer(y, "B", ids == 1)
        image, words_out = (
            norm.A(x)[:, 0] @ heads["vision_head.weight"].T,
            norm.B(y)[:, 0] @ heads["language_head.weight"].T,
        )
    same(MuskModel.load(tmp_path), tiles, image, words_out, 2.5)


def test_an_ensemble_averages_unit_vectors_and_is_off_by_default(tmp_path: Path) -> None:
    test_quiltnet(tmp_path, np.zeros((1, 224, 224, 3), np.uint8), False)
    model = QuiltNet.load(tmp_path)
    wordings = model.encode_text(["a T cell.", "see T cell"])
    expected = wordings.mean(0) / np.linalg.norm(wordings.mean(0))
    np.testing.assert_allclose(model.encode_ensemble(["T cell"], ["a {}.", "see {}"])[0], expected, atol=1e-5)
    np.testing.assert_allclose(model.encode_ensemble(["T cell"], ["{}"]), model.encode_text(["T cell"]), atol=1e-6)
    assert np.abs(model.encode_ensemble(["T cell"]) - model.encode_text(["T cell"])).max() > 1e-3


@pytest.mark.parametrize(
    ("name", "named"), [("visual.proj", "visual.proj"), ("ln_final.bias", "ln_final.bias"), (None, "head.odd")]
)
def test_a_tensor_that_does_not_fit_is_named(tmp_path: Path, name: str | None, named: str) -> None:
    test_quiltnet(tmp_path, np.zeros((1, 224, 224, 3), np.uint8), False)
    path = tmp_path / "open_clip_pytorch_model.bin"
    state = torch.load(path, weights_only=True)
    for damaged in ({k: v for k, v in state.items() if k != name}, state | {name or named: torch.ones(7)}):
        torch.save(damaged if name else state | {named: torch.ones(1)}, path)
        with pytest.raises(ModelUnavailable, match=named):
            QuiltNet.load(tmp_path)
