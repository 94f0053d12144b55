"""MUSK (Xiang et al. 2025): BEiT-3 trained on pathology images and texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from models.card import Card, ModelUnavailable
from models.published.image_text import TwoTowers, scale_of
from models.published.vit_encoder import WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor

    from models.networks.beit3 import Musk

IMAGE_PX, TOKENS, HEAD = 384, 100, 64
START, PAD, END, UNKNOWN = 0, 1, 2, 3  # of XLM-R's ids; a sentence piece is one more than in its own file


class MuskModel(TwoTowers):
    """Tiles are enlarged to 384 px; one scale, with heads, as for zero-shot questions."""

    card: ClassVar[Card] = Card(
        name="musk",
        task="image-text",
        dim=1024,
        license="CC-BY-NC-ND-4.0",
        source="https://huggingface.co/xiangjx/musk",
        summary="BEiT-3 large trained on 50 million pathology images and a billion words.",
        citation="Xiang et al. 2025 (MUSK)",
        gated=True,
        input_px=IMAGE_PX,
        input_um=112.0,
        files=(WEIGHTS, "tokenizer.spm"),
        obtain="hf download xiangjx/musk --local-dir {folder}",
    )

    def __init__(self, net: "Musk", pieces: Any, device: str) -> None:
        from models.networks.pixels import HALF, Pixels

        super().__init__(net, Pixels(IMAGE_PX, HALF, "bicubic"), scale_of(net), device)
        self._musk, self._pieces = net, pieces

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "MuskModel":
        """Read its folder, strictly; sizes are those of its tensors. Text needs the package sentencepiece."""
        from models.networks.beit3 import Musk, musk_names
        from models.networks.foreign import count_blocks, fill, first_file, read_tensors, shape_of

        pieces = _sentence_pieces(folder / "tokenizer.spm")
        path = first_file(folder, WEIGHTS)
        tensors = read_tensors(path)
        depth = count_blocks(tensors, "beit3.encoder.layers.")
        dim, _, patch, _ = shape_of(tensors, "beit3.vision_embed.proj.weight", path, 4)
        words, _ = shape_of(tensors, "beit3.text_embed.weight", path, 2)
        length, _ = shape_of(tensors, "beit3.encoder.embed_positions.B.weight", path, 2)
        hidden, _ = shape_of(tensors, "beit3.encoder.layers.0.ffn.A.fc1.weight", path, 2)
        seen = (IMAGE_PX // patch) ** 2 + 3  # class token, and the two positions that are not used
        net = Musk((dim, depth, dim // HEAD, hidden), patch, seen, (words, length))
        return cls(fill(net, tensors, path, musk_names(depth), [r"beit3\.vision_embed\.mask_token"]), pieces, device)

    def image_features(self, x: "Tensor") -> "Tensor":
        """(n, 3, 384, 384) normalised -> (n, dim)."""
        return self._musk.embed_image(x)

    def text_features(self, texts: Sequence[str]) -> "Tensor":
        """q texts -> (q, dim)."""
        import torch

        rows = [self._ids(text) for text in texts]
        ids = np.full((len(rows), max(map(len, rows))), PAD, np.int64)
        for line, row in zip(ids, rows, strict=True):
            line[: len(row)] = row
        mask = torch.from_numpy((ids != PAD).astype(np.int64)).to(self._device)
        return self._musk.embed_text(torch.from_numpy(ids).to(self._device), mask)

    def _ids(self, text: str) -> list[int]:
        """XLM-R ids between start and end, at most 100."""
        unknown = self._pieces.unk_id()
        pieces = [UNKNOWN if piece == unknown else piece + 1 for piece in self._pieces.encode(text)]
        return [START, *pieces[: TOKENS - 2], END]


def _sentence_pieces(path: Path) -> Any:
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError as error:
        raise ModelUnavailable(
            "MUSK reads text with sentencepiece, which is not installed: pip install 'sentencepiece>=0.2,<0.3'."
        ) from error
    try:
        return SentencePieceProcessor(model_file=str(path))
    except (RuntimeError, OSError) as error:
        raise ModelUnavailable(f"{path} is damaged: sentencepiece cannot read it ({error}).") from error
