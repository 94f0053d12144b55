"""Virchow2 (Paige): ViT-H/14, class token beside the mean of the patches."""

from typing import TYPE_CHECKING, ClassVar

from models.card import Card
from models.published.h_optimus import H0Mini
from models.published.vit_encoder import WEIGHTS

if TYPE_CHECKING:
    from models.networks.pixels import Pixels
    from models.networks.vit import VitSpec


class Virchow2(H0Mini):
    """Vectors of 2,560; registers are left out of the mean."""

    card: ClassVar[Card] = Card(
        name="virchow2",
        task="image-encoder",
        dim=2560,
        license="CC-BY-NC-ND-4.0",
        source="https://huggingface.co/paige-ai/Virchow2",
        summary="ViT-H/14 with 4 registers, 631 million parameters, trained at several magnifications.",
        citation="Zimmermann et al. 2024 (Virchow2)",
        gated=True,
        input_px=224,
        input_um=112.0,
        files=(WEIGHTS,),
        obtain="hf download paige-ai/Virchow2 --local-dir {folder}",
    )

    @staticmethod
    def spec() -> "VitSpec":
        """timm's vit_huge_patch14_224 with 4 registers and gated MLPs (mlp_ratio 5.3375)."""
        from models.networks.vit import VitSpec

        return VitSpec(14, 1280, 32, 16, 6832, registers=4, packed=True, activation="silu")

    @staticmethod
    def pixels() -> "Pixels":
        """ImageNet's mean and SD, bicubic."""
        from models.networks.pixels import IMAGENET, Pixels

        return Pixels(224, IMAGENET, "bicubic")
