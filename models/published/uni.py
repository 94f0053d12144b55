"""UNI and UNI2-h (Mahmood Lab): DINOv2 vision transformers at 0.5 um per pixel."""

from typing import TYPE_CHECKING, ClassVar

from models.card import Card
from models.published.vit_encoder import WEIGHTS, VitEncoder

if TYPE_CHECKING:
    from models.networks.pixels import Pixels
    from models.networks.vit import VitSpec


class Uni(VitEncoder):
    """Class token of a ViT-L/16; the encoder of DeepSpot's colon model."""

    card: ClassVar[Card] = Card(
        name="uni",
        task="image-encoder",
        dim=1024,
        license="CC-BY-NC-ND-4.0",
        source="https://huggingface.co/MahmoodLab/UNI",
        summary="ViT-L/16, 303 million parameters.",
        citation="Chen et al. 2024 (UNI)",
        gated=True,
        input_px=224,
        input_um=112.0,
        files=(WEIGHTS,),
        obtain="hf download MahmoodLab/UNI --local-dir {folder}",
    )

    @staticmethod
    def spec() -> "VitSpec":
        """timm's vit_large_patch16_224 with layer scale."""
        from models.networks.vit import VitSpec

        return VitSpec(16, 1024, 24, 16, 4096)

    @staticmethod
    def pixels() -> "Pixels":
        """ImageNet's mean and SD, bilinear."""
        from models.networks.pixels import IMAGENET, Pixels

        return Pixels(224, IMAGENET)


class Uni2(Uni):
    """Class token of a ViT with 8 registers and gated MLPs."""

    card: ClassVar[Card] = Card(
        name="uni2-h",
        task="image-encoder",
        dim=1536,
        license="CC-BY-NC-ND-4.0",
        source="https://huggingface.co/MahmoodLab/UNI2-h",
        summary="ViT-H/14 with 8 registers, 681 million parameters; the image side of SpatialWhisperer.",
        citation="Chen et al. 2024 (UNI)",
        gated=True,
        input_px=224,
        input_um=112.0,
        files=(WEIGHTS,),
        obtain="hf download MahmoodLab/UNI2-h --local-dir {folder}",
    )

    @staticmethod
    def spec() -> "VitSpec":
        """timm's vit_giant_patch14_224 with 24 layers and 8 registers."""
        from models.networks.vit import VitSpec

        return VitSpec(14, 1536, 24, 24, 8192, registers=8, packed=True, activation="silu", prefix_positions=False)
