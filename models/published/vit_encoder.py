"""What the published image encoders share: a vision transformer, its pixels, its pooling."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.card import Card, ModelUnavailable
from models.protocols import F32

if TYPE_CHECKING:
    from torch import Tensor

    from models.networks.pixels import Pixels
    from models.networks.vit import VisionTransformer, VitSpec

BATCH = {"cpu": 8, "cuda": 64}
WEIGHTS = "model.safetensors|pytorch_model.bin"
PILLOW_FILTERS = {2: "bilinear", 3: "bicubic"}  # as processors of transformers number them
TIMM_ARGUMENTS = {
    "img_size": "image",
    "patch_size": "patch",
    "embed_dim": "dim",
    "depth": "depth",
    "num_heads": "heads",
    "reg_tokens": "registers",
}


class VitEncoder:
    """Tiles to vectors. A subclass names its card, sizes, pixels and what is read from the tokens."""

    card: ClassVar[Card]
    half: ClassVar[bool] = False  # float16 autocast on a GPU, where the model's card says so; a CPU runs float32

    def __init__(self, net: "VisionTransformer", device: str = "cpu", pixels: "Pixels | None" = None) -> None:
        from models.networks.compute import torch_device

        self._device = torch_device(device)
        self._net = net.float().to(self._device).eval()
        self._pixels = pixels or self.pixels()

    @staticmethod
    def spec() -> "VitSpec":
        """Published sizes."""
        raise NotImplementedError

    @staticmethod
    def pixels() -> "Pixels":
        """Published preprocessing."""
        raise NotImplementedError

    @staticmethod
    def pool(tokens: "Tensor", prefix: int) -> "Tensor":
        """(n, prefix + patches, dim) -> (n, dim): the class token."""
        return tokens[:, 0]

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "VitEncoder":
        """A folder of the hub: weights by timm's names, and config.json where it is there."""
        from models.networks.foreign import fill, first_file, read_tensors
        from models.networks.vit import VisionTransformer

        path = first_file(folder, WEIGHTS)
        spec = timm_spec(cls.spec(), folder)
        return cls(fill(VisionTransformer(spec), read_tensors(path), path), device)

    def encode_image(self, tiles: NDArray[np.uint8]) -> F32:
        """(n, h, w, 3) uint8 RGB, h = w -> (n, dim) float32."""
        return in_batches(tiles, self._device.type, self._encode, self.card.dim)

    def _encode(self, tiles: NDArray[np.uint8]) -> "Tensor":
        import torch

        half = torch.autocast("cuda", torch.float16) if self.half and self._device.type == "cuda" else nullcontext()
        with half:
            tokens = self._net(self._pixels(tiles, self._device))
        return self.pool(tokens.float(), self._net.spec.prefix)


def in_batches(tiles: NDArray[np.uint8], device: str, encode: "Callable[[NDArray[np.uint8]], Tensor]", dim: int) -> F32:
    """Tiles through `encode` a batch at a time; no tiles give (0, dim)."""
    import torch

    step = BATCH.get(device, 8)
    with torch.inference_mode():
        parts = [encode(tiles[start : start + step]).float().cpu().numpy() for start in range(0, len(tiles), step)]
    return np.concatenate(parts) if parts else np.zeros((0, dim), np.float32)


def timm_spec(spec: "VitSpec", folder: Path) -> "VitSpec":
    """Published sizes, with what the folder's own config.json of timm says (`model_args`)."""
    from dataclasses import replace

    args = read_json(folder / "config.json").get("model_args", {})
    changed = {ours: args[theirs] for theirs, ours in TIMM_ARGUMENTS.items() if theirs in args}
    if "no_embed_class" in args:
        changed["prefix_positions"] = not args["no_embed_class"]
    if "mlp_ratio" in args or "dim" in changed:
        ratio = args.get("mlp_ratio", spec.hidden / spec.dim)
        changed["hidden"] = int(changed.get("dim", spec.dim) * ratio)
    return replace(spec, **changed)


def processor_pixels(published: "Pixels", folder: Path) -> "Pixels":
    """Published preprocessing, with what the folder's own preprocessor_config.json says about colours and resizing."""
    from dataclasses import replace

    said = read_json(folder / "preprocessor_config.json")
    changed: dict[str, Any] = {}
    if "image_mean" in said and "image_std" in said:
        changed["normal"] = (tuple(said["image_mean"]), tuple(said["image_std"]))
    if said.get("resample") in PILLOW_FILTERS:
        changed["resize"] = PILLOW_FILTERS[said["resample"]]
    return replace(published, **changed)


def read_json(path: Path) -> dict[str, Any]:
    """A published JSON file, {} where it is not there; raises ModelUnavailable where it is damaged."""
    import json

    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelUnavailable(f"{path} is damaged: it is no JSON ({error}).") from error
    return found if isinstance(found, dict) else {}
