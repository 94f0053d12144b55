"""Midnight (kaiko.ai): DINOv2 giant, class token beside the mean of the patches."""

from typing import TYPE_CHECKING, ClassVar

from models.card import Card
from models.published.phikon import PhikonV2
from models.published.vit_encoder import WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor

    from models.networks.pixels import Pixels


class Midnight(PhikonV2):
    """Vectors of 3,072; the backbone that DeepSpot-M adapts."""

    card: ClassVar[Card] = Card(
        name="midnight",
        task="image-encoder",
        dim=3072,
        license="MIT",
        source="https://huggingface.co/kaiko-ai/midnight",
        summary="DINOv2 ViT-g/14, 1.14 billion parameters, trained on public slides.",
        citation="Karasikov et al. 2025 (Midnight)",
        input_px=224,
        input_um=112.0,
        files=(WEIGHTS, "config.json"),
        obtain="hf download kaiko-ai/midnight --local-dir {folder}",
    )

    @staticmethod
    def pixels() -> "Pixels":
        """Mean and SD 0.5, bilinear."""
        from models.networks.pixels import HALF, Pixels

        return Pixels(224, HALF)

    @staticmethod
    def pool(tokens: "Tensor", prefix: int) -> "Tensor":
        """(n, prefix + patches, dim) -> (n, 2 * dim)."""
        import torch

        return torch.cat([tokens[:, 0], tokens[:, prefix:].mean(dim=1)], dim=1)
