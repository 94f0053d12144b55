"""H-optimus-0 and H0-mini (Bioptimus): ViTs with four registers, gated MLPs, at 0.5 um per pixel."""

from typing import TYPE_CHECKING, ClassVar

from models.card import Card
from models.published.vit_encoder import WEIGHTS, VitEncoder

if TYPE_CHECKING:
    from torch import Tensor

    from models.networks.pixels import Pixels
    from models.networks.vit import VitSpec


class HOptimus0(VitEncoder):
    """The encoder of the paper's DeepSpot models: class token of a ViT-g/14."""

    card: ClassVar[Card] = Card(
        name="h-optimus-0",
        task="image-encoder",
        dim=1536,
        license="Apache-2.0",
        source="https://huggingface.co/bioptimus/H-optimus-0",
        summary="ViT-g/14 with 4 registers, 1.13 billion parameters; the encoder of the paper.",
        citation="Saillard et al. 2024 (H-optimus-0)",
        input_px=224,
        input_um=112.0,
        files=(WEIGHTS,),
        obtain="hf download bioptimus/H-optimus-0 --local-dir {folder}",
    )
    half: ClassVar[bool] = True

    @staticmethod
    def spec() -> "VitSpec":
        """timm's vit_giant_patch14_reg4_dinov2 at 224 px."""
        from models.networks.vit import VitSpec

        return VitSpec(14, 1536, 40, 24, 8192, registers=4, packed=True, activation="silu", prefix_positions=False)

    @staticmethod
    def pixels() -> "Pixels":
        """Its own mean and SD; other sizes are resized as DeepSpot does it."""
        from models.networks.pixels import H_OPTIMUS, Pixels

        return Pixels(224, H_OPTIMUS)


class H0Mini(HOptimus0):
    """H-optimus-0 distilled into a ViT-B/14: class token beside the mean of the patches."""

    card: ClassVar[Card] = Card(
        name="h0-mini",
        task="image-encoder",
        dim=1536,
        license="CC-BY-NC-ND-4.0",
        source="https://huggingface.co/bioptimus/H0-mini",
        summary="ViT-B/14 distilled from H-optimus-0, 86 million parameters.",
        citation="Filiot et al. 2025 (H0-mini)",
        gated=True,
        input_px=224,
        input_um=112.0,
        files=(WEIGHTS,),
        obtain="hf download bioptimus/H0-mini --local-dir {folder}",
    )

    @staticmethod
    def spec() -> "VitSpec":
        """timm's vit_base_patch14_reg4_dinov2 at 224 px with gated MLPs."""
        from models.networks.vit import VitSpec

        return VitSpec(14, 768, 12, 12, 4096, registers=4, packed=True, activation="silu", prefix_positions=False)

    @staticmethod
    def pool(tokens: "Tensor", prefix: int) -> "Tensor":
        """(n, prefix + patches, dim) -> (n, 2 * dim)."""
        import torch

        return torch.cat([tokens[:, 0], tokens[:, prefix:].mean(dim=1)], dim=1)
