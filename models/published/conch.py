"""CONCH (Lu et al. 2024), a CoCa trained on pathology images with captions: a baseline of the paper."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from models.card import Card
from models.published.image_text import TwoTowers, scale_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

    from models.networks.conch import Conch

WEIGHTS = "pytorch_model.bin|model.safetensors"
TOKENIZER = "conch_byte_level_bpe_uncased.json"
IMAGE_PX = 448
UNUSED = (r"visual\.attn_pool_caption\..*", r"visual\.ln_caption\..*", r"text_decoder\..*", r"text\.attn_mask")


class ConchModel(TwoTowers):
    """Tiles are enlarged to 448 px, as published."""

    card: ClassVar[Card] = Card(
        name="conch",
        task="image-text",
        dim=512,
        license="CC-BY-NC-ND-4.0",
        source="https://huggingface.co/MahmoodLab/conch",
        summary="CoCa ViT-B/16 trained on 1.17 million pathology images with captions; a baseline of the paper.",
        citation="Lu et al. 2024 (CONCH)",
        gated=True,
        input_px=IMAGE_PX,
        input_um=112.0,
        files=(WEIGHTS, TOKENIZER),
        obtain=(
            "hf download MahmoodLab/conch --local-dir {folder}, and from github.com/mahmoodlab/CONCH the file "
            f"conch/open_clip_custom/tokenizers/{TOKENIZER}"
        ),
    )

    def __init__(self, net: "Conch", tokenizer: "Tokenizer", device: str) -> None:
        from models.networks.pixels import CLIP, Pixels

        super().__init__(net, Pixels(IMAGE_PX, CLIP, "bicubic"), scale_of(net), device)
        self._conch, self._tokenizer = net, tokenizer

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "ConchModel":
        """Read its state dict, strictly; sizes that the file shows by its shapes are taken from there."""
        from tokenizers import Tokenizer

        from models.networks.clip import TextSpec
        from models.networks.conch import Conch, conch_names
        from models.networks.foreign import count_blocks, fill, first_file, read_tensors, shape_of
        from models.networks.transformer import BlockSpec
        from models.networks.vit import VitSpec

        path = first_file(folder, WEIGHTS)
        tensors = read_tensors(path)
        dim, _, patch, _ = shape_of(tensors, "visual.trunk.patch_embed.proj.weight", path, 4)
        _, positions, _ = shape_of(tensors, "visual.trunk.pos_embed", path, 3)
        stored_px = patch * round((positions - 1) ** 0.5)
        depth = count_blocks(tensors, "visual.trunk.blocks.")
        image = VitSpec(patch, dim, depth, dim // 64, 4 * dim, image=stored_px, scaled=False)
        words, width = shape_of(tensors, "text.token_embedding.weight", path, 2)
        length, _ = shape_of(tensors, "text.positional_embedding", path, 2)
        layers = count_blocks(tensors, "text.transformer.resblocks.")
        text = TextSpec(words, length, layers, BlockSpec(width, width // 64, 4 * width))
        joint, _ = shape_of(tensors, "visual.proj_contrast", path, 2)
        net = fill(Conch(image, text, joint), tensors, path, conch_names(image, text), UNUSED)
        net.trunk.resample_positions(IMAGE_PX, "bilinear")
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        tokenizer.enable_truncation(length - 1)
        tokenizer.enable_padding(pad_id=0, pad_token="<pad>", length=length - 1)
        return cls(net, tokenizer, device)

    def image_features(self, x: "Tensor") -> "Tensor":
        """(n, 3, 448, 448) normalised -> (n, dim)."""
        return self._conch.embed_image(x)

    def text_features(self, texts: Sequence[str]) -> "Tensor":
        """q texts -> (q, dim)."""
        import torch

        ids = np.array([item.ids for item in self._tokenizer.encode_batch(list(texts))], np.int64)
        return self._conch.embed_text(torch.from_numpy(ids).to(self._device))
