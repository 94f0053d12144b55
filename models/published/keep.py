"""KEEP (Zhou et al. 2026): ViT-L/16 and PubMedBERT aligned with a graph of diseases; open weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from models.card import Card
from models.checkpoint import need
from models.published.image_text import TwoTowers, scale_of
from models.published.vit_encoder import WEIGHTS, read_json
from models.published.wordpiece import WordPieces

if TYPE_CHECKING:
    from torch import Tensor

    from models.networks.keep import Keep

TOKENS = 256


class KeepModel(TwoTowers):
    """From its folder; its remote code is not run."""

    card: ClassVar[Card] = Card(
        name="keep",
        task="image-text",
        dim=768,
        license="MIT",
        source="https://huggingface.co/Astaxanthin/KEEP",
        summary="ViT-L/16 and PubMedBERT, trained with knowledge of diseases; strong at finding cancer.",
        citation="Zhou et al. 2026 (KEEP)",
        input_px=224,
        input_um=112.0,
        files=(WEIGHTS, "config.json", "vocab.txt"),
        obtain="hf download Astaxanthin/KEEP --local-dir {folder}",
    )

    def __init__(self, net: "Keep", words: WordPieces, device: str) -> None:
        from models.networks.pixels import IMAGENET, Pixels

        super().__init__(net, Pixels(224, IMAGENET, "bicubic"), scale_of(net), device)
        self._keep, self._words = net, words

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "KeepModel":
        """Read its folder, strictly."""
        from models.networks.bert import BertSpec
        from models.networks.foreign import count_blocks, fill, first_file, read_tensors, shape_of
        from models.networks.keep import Keep, keep_names
        from models.networks.vit import VitSpec

        config = read_json(folder / "config.json")
        vision = need(config, "vision_config", folder)
        path = first_file(folder, WEIGHTS)
        tensors = read_tensors(path)
        patch = need(vision, "patch_size", folder)
        dim = shape_of(tensors, "visual.patch_embed.proj.weight", path, 4)[0]
        depth = count_blocks(tensors, "visual.blocks.")
        image = VitSpec(patch, dim, depth, dim // 64, 4 * dim, image=need(vision, "img_size", folder))
        text = BertSpec.of(need(config, "text_config", folder), pooler=True)
        net = Keep(image, text, need(config, "projection_dim", folder))
        return cls(fill(net, tensors, path, keep_names(image)), WordPieces(folder, min(TOKENS, text.positions)), device)

    def image_features(self, x: "Tensor") -> "Tensor":
        """(n, 3, 224, 224) normalised -> (n, dim)."""
        return self._keep.embed_image(x)

    def text_features(self, texts: Sequence[str]) -> "Tensor":
        """q texts -> (q, dim)."""
        import torch

        return self._keep.embed_text(*(torch.from_numpy(part).to(self._device) for part in self._words(texts)))
