"""What the published image-text models share: features, unit norm, prompts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.card import Card
from models.protocols import F32, TilePlan
from models.published.vit_encoder import CPU_TILES, in_batches
from models.wordings import TEMPLATES, encode_ensemble, unit

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from models.networks.pixels import Pixels

TEXTS = 64
PLAN = TilePlan(tile_um=112.0, tile_px=224, sub_grid=0)  # 224 px at 20x, the larger crop of the paper


class TwoTowers:
    """Tiles and text into one space. A subclass brings the towers."""

    card: ClassVar[Card]
    plan = PLAN

    def __init__(self, net: "nn.Module", pixels: "Pixels", logit_scale: float, device: str) -> None:
        from models.networks.compute import Batches, torch_device

        where = torch_device(device)
        self._net = net.float().to(where).eval()
        self._batches = Batches(where, lambda _side: CPU_TILES, self._net.cpu)
        self._pixels = pixels
        self.encoder = self.card.name
        self.logit_scale = logit_scale

    def image_features(self, x: "Tensor") -> "Tensor":
        """(n, 3, px, px) normalised -> (n, dim)."""
        raise NotImplementedError

    def text_features(self, texts: Sequence[str]) -> "Tensor":
        """q texts -> (q, dim)."""
        raise NotImplementedError

    def encode_image(self, tiles: NDArray[np.uint8]) -> F32:
        """(n, h, w, 3) uint8 RGB, h = w -> (n, dim) float32, projected, not of unit norm."""
        return in_batches(tiles, self._batches, self._encode, self.card.dim)

    @property
    def _device(self) -> "torch.device":
        return self._batches.device

    def _encode(self, tiles: NDArray[np.uint8]) -> "Tensor":
        from models.networks.compute import mixed_precision

        with mixed_precision(self._device):
            return self.image_features(self._pixels(tiles, self._device))

    def project_image(self, embeddings: F32) -> F32:
        """(n, dim) of `encode_image` -> rows of unit norm."""
        return unit(embeddings)

    def encode_text(self, texts: Sequence[str]) -> F32:
        """q texts as they are -> (q, dim), rows of unit norm."""
        import torch

        parts = []
        with torch.inference_mode():
            for start in range(0, len(texts), TEXTS):
                parts.append(self.text_features(texts[start : start + TEXTS]).float().cpu().numpy())
        return unit(np.concatenate(parts)) if parts else np.zeros((0, self.card.dim), np.float32)

    def encode_ensemble(self, texts: Sequence[str], templates: Sequence[str] = TEMPLATES) -> F32:
        """Each text in several wordings, their unit vectors averaged -> (q, dim), rows of unit norm."""
        return encode_ensemble(self, texts, templates)


def scale_of(net: "nn.Module") -> float:
    """exp of a network's learned log scale."""
    return float(net.get_parameter("logit_scale").detach().exp())
