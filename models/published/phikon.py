"""Phikon and Phikon-v2 (Owkin), from their folders for transformers."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from models.card import Card
from models.published.vit_encoder import WEIGHTS, VitEncoder, processor_pixels, read_json

if TYPE_CHECKING:
    from models.networks.pixels import Pixels


class PhikonV2(VitEncoder):
    """Class token of a DINOv2 ViT-L/16."""

    card: ClassVar[Card] = Card(
        name="phikon-v2",
        task="image-encoder",
        dim=1024,
        license="Owkin non-commercial",
        source="https://huggingface.co/owkin/phikon-v2",
        summary="DINOv2 ViT-L/16, 303 million parameters.",
        citation="Filiot et al. 2024 (Phikon-v2)",
        input_px=224,
        input_um=112.0,
        files=(WEIGHTS, "config.json"),
        obtain="hf download owkin/phikon-v2 --local-dir {folder}",
    )

    @staticmethod
    def pixels() -> "Pixels":
        """Its processor: bicubic on bytes, ImageNet's mean and SD."""
        from models.networks.pixels import IMAGENET, Pixels

        return Pixels(224, IMAGENET, "bicubic")

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "PhikonV2":
        """Names and sizes of a Dinov2Model."""
        from models.networks.dinov2 import dinov2_names, dinov2_spec
        from models.networks.foreign import fill, first_file, read_tensors
        from models.networks.vit import VisionTransformer

        path = first_file(folder, WEIGHTS)
        spec = dinov2_spec(read_json(folder / "config.json"), folder)
        net = fill(VisionTransformer(spec), read_tensors(path), path, dinov2_names(spec), [r"embeddings\.mask_token"])
        net.resample_positions(cls.pixels().px, "bicubic")
        return cls(net, device, processor_pixels(cls.pixels(), folder))


class Phikon(PhikonV2):
    """Class token of an iBOT ViT-B/16; one of the encoders that DeepSpot was trained on."""

    card: ClassVar[Card] = Card(
        name="phikon",
        task="image-encoder",
        dim=768,
        license="Owkin non-commercial",
        source="https://huggingface.co/owkin/phikon",
        summary="iBOT ViT-B/16, 86 million parameters.",
        citation="Filiot et al. 2023 (Phikon)",
        input_px=224,
        input_um=112.0,
        files=(WEIGHTS, "config.json"),
        obtain="hf download owkin/phikon --local-dir {folder}",
    )

    @staticmethod
    def pixels() -> "Pixels":
        """Its processor: bilinear on bytes, ImageNet's mean and SD."""
        from models.networks.pixels import IMAGENET, Pixels

        return Pixels(224, IMAGENET, "bilinear")

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "Phikon":
        """Names and sizes of a ViTModel; its pooler is not used."""
        from models.networks.dinov2 import vit_names, vit_spec
        from models.networks.foreign import fill, first_file, read_tensors
        from models.networks.vit import VisionTransformer

        path = first_file(folder, WEIGHTS)
        spec = vit_spec(read_json(folder / "config.json"), folder)
        net = fill(
            VisionTransformer(spec), read_tensors(path), path, vit_names(spec), [r"pooler\.dense\.(weight|bias)"]
        )
        return cls(net, device, processor_pixels(cls.pixels(), folder))
