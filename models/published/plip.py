"""PLIP (Huang et al. 2023), a CLIP ViT-B/32 tuned on pathology tweets: a baseline of the paper."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from models.card import Card
from models.checkpoint import need
from models.published.clip_tokens import TOKENIZER, ClipTokens
from models.published.image_text import TwoTowers, scale_of
from models.published.vit_encoder import WEIGHTS, read_json

if TYPE_CHECKING:
    from torch import Tensor

    from models.networks.clip import Clip, TextSpec
    from models.networks.vit import VitSpec


class ClipModel(TwoTowers):
    """A CLIP with its byte pairs."""

    def __init__(self, net: "Clip", tokens: ClipTokens, device: str) -> None:
        from models.networks.pixels import CLIP, Pixels

        super().__init__(net, Pixels(net.visual.spec.image, CLIP, "bicubic"), scale_of(net), device)
        self._clip, self._tokens = net, tokens

    def image_features(self, x: "Tensor") -> "Tensor":
        """(n, 3, px, px) normalised -> (n, dim)."""
        return self._clip.embed_image(x)

    def text_features(self, texts: Sequence[str]) -> "Tensor":
        """q texts -> (q, dim)."""
        import torch

        return self._clip.embed_text(torch.from_numpy(self._tokens(texts)).to(self._device))


class Plip(ClipModel):
    """From its folder for transformers."""

    card: ClassVar[Card] = Card(
        name="plip",
        task="image-text",
        dim=512,
        license="not stated; research use",
        source="https://huggingface.co/vinid/plip",
        summary="CLIP ViT-B/32 tuned on pathology images of Twitter; a baseline of the paper.",
        citation="Huang et al. 2023 (PLIP)",
        input_px=224,
        input_um=112.0,
        files=(WEIGHTS, "config.json", *TOKENIZER),
        obtain="hf download vinid/plip --local-dir {folder}",
    )

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "Plip":
        """Read a CLIPModel's folder, strictly."""
        from models.networks.clip import Clip, transformers_names
        from models.networks.foreign import fill, first_file, read_tensors

        image, text, dim = _specs(read_json(folder / "config.json"), folder)
        path = first_file(folder, WEIGHTS)
        net = fill(Clip(image, text, dim), read_tensors(path), path, transformers_names(image, text))
        return cls(net, ClipTokens(folder, text.positions), device)


def _specs(config: dict[str, Any], folder: Path) -> "tuple[VitSpec, TextSpec, int]":
    """Sizes of a CLIPModel; what its config.json does not say is CLIP ViT-B/32's."""
    from models.networks.clip import TextSpec
    from models.networks.transformer import BlockSpec
    from models.networks.vit import VitSpec

    vision, words = (need(config, key, folder) for key in ("vision_config", "text_config"))
    image = VitSpec(
        vision.get("patch_size", 32),
        vision.get("hidden_size", 768),
        vision.get("num_hidden_layers", 12),
        vision.get("num_attention_heads", 12),
        vision.get("intermediate_size", 3072),
        image=vision.get("image_size", 224),
        activation=vision.get("hidden_act", "quick_gelu"),
        scaled=False,
        norm_first=True,
        epsilon=vision.get("layer_norm_eps", 1e-5),
    )
    block = BlockSpec(
        words.get("hidden_size", 512),
        words.get("num_attention_heads", 8),
        words.get("intermediate_size", 2048),
        words.get("hidden_act", "quick_gelu"),
        epsilon=words.get("layer_norm_eps", 1e-5),
    )
    depth, positions = words.get("num_hidden_layers", 12), words.get("max_position_embeddings", 77)
    text = TextSpec(words.get("vocab_size", 49408), positions, depth, block)
    return image, text, config.get("projection_dim", 512)
