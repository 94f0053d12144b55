"""What the published image encoders share: a vision transformer, its pixels, its pooling."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.card import Card, ModelUnavailable
from models.protocols import F32

if TYPE_CHECKING:
    from torch import Tensor

    from models.networks.compute import Batches
    from models.networks.pixels import Pixels
    from models.networks.vit import VisionTransformer, VitSpec

CPU_TILES = 8  # that a CPU encodes at once: whatever their side, they are brought to the network's
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
    half: ClassVar[bool] = False  # float16 instead of bfloat16 on a GPU, where the model's card says so

    def __init__(self, net: "VisionTransformer", device: str = "cpu", pixels: "Pixels | None" = None) -> None:
        from models.networks.compute import Batches, compiled, torch_device

        where = torch_device(device)
        self._net = compiled(net.float().to(where).eval())
        self._prefix = net.spec.prefix
        self._pixels = pixels or self.pixels()
        self._batches = Batches(where, lambda _side: CPU_TILES, self._net.cpu)

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
        return in_batches(tiles, self._batches, self._encode, self.card.dim)

    def tiles_at_once(self, side: int) -> int:
        """Tiles of `side` px that make a batch on this device."""
        return self._batches.at_once(side)

    @property
    def trouble(self) -> str:
        """Why it does not run where it was told to, in words; "" where it does."""
        return self._batches.trouble

    def _encode(self, tiles: NDArray[np.uint8]) -> "Tensor":
        from models.networks.compute import mixed_precision

        device = self._batches.device
        with mixed_precision(device, self.half):
            tokens = self._net(self._pixels(tiles, device))
        return self.pool(tokens.float(), self._prefix)


def in_batches(
    tiles: NDArray[np.uint8], batches: "Batches", encode: "Callable[[NDArray[np.uint8]], Tensor]", dim: int
) -> F32:
    """Tiles through `encode` in batches that fit; no tiles give (0, dim)."""
    return batches.run(tiles, encode) if len(tiles) else np.zeros((0, dim), np.float32)


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
