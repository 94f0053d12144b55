"""QuiltNet-B-32 (Ikezogwo et al. 2023): a CLIP ViT-B/32 tuned on a million pathology images with captions."""

from pathlib import Path
from typing import Any, ClassVar

from models.card import Card
from models.checkpoint import need
from models.published.clip_tokens import TOKENIZER, ClipTokens
from models.published.plip import ClipModel
from models.published.vit_encoder import read_json

WEIGHTS = "open_clip_model.safetensors|open_clip_pytorch_model.bin"
HEAD = 64  # width of an attention head in open_clip's image towers


class QuiltNet(ClipModel):
    """From its folder for open_clip."""

    card: ClassVar[Card] = Card(
        name="quiltnet",
        task="image-text",
        dim=512,
        license="MIT",
        source="https://huggingface.co/wisdomik/QuiltNet-B-32",
        summary="CLIP ViT-B/32 tuned on Quilt-1M (captions of teaching videos).",
        citation="Ikezogwo et al. 2023 (Quilt-1M)",
        input_px=224,
        input_um=112.0,
        files=(WEIGHTS, "open_clip_config.json", *TOKENIZER),
        obtain="hf download wisdomik/QuiltNet-B-32 --local-dir {folder}",
    )

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "QuiltNet":
        """Read an open_clip folder, strictly; the activation is GELU unless its config says quick_gelu."""
        from models.networks.clip import Clip, TextSpec, open_clip_names
        from models.networks.foreign import fill, first_file, read_tensors
        from models.networks.transformer import BlockSpec
        from models.networks.vit import VitSpec

        config: dict[str, Any] = need(read_json(folder / "open_clip_config.json"), "model_cfg", folder)
        vision, words = (need(config, key, folder) for key in ("vision_cfg", "text_cfg"))
        activation = "quick_gelu" if config.get("quick_gelu", False) else "gelu"
        width = need(vision, "width", folder)
        image = VitSpec(
            need(vision, "patch_size", folder),
            width,
            need(vision, "layers", folder),
            width // vision.get("head_width", HEAD),
            int(width * vision.get("mlp_ratio", 4)),
            image=need(vision, "image_size", folder),
            activation=activation,
            scaled=False,
            norm_first=True,
            epsilon=1e-5,
        )
        dim = need(words, "width", folder)
        block = BlockSpec(dim, need(words, "heads", folder), 4 * dim, activation)
        positions, depth = need(words, "context_length", folder), need(words, "layers", folder)
        text = TextSpec(need(words, "vocab_size", folder), positions, depth, block)
        path = first_file(folder, WEIGHTS)
        net = Clip(image, text, need(config, "embed_dim", folder))
        names = open_clip_names(image, text)
        return cls(fill(net, read_tensors(path), path, names, ["attn_mask"]), ClipTokens(folder, positions), device)
