"""Tiles to normalised tensors, as the published transforms do it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
H_OPTIMUS = ((0.707223, 0.578729, 0.703617), (0.211883, 0.230117, 0.177517))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True)
class Pixels:
    """Side in pixels, (mean, SD) by channel, and how another size is brought to that side.

    `resize`: "tensor" is bilinear with antialiasing on float values (ToTensor first, then Resize); "bicubic" and
    "bilinear" are Pillow's on bytes (Resize first, then ToTensor). Tiles are square: a centre crop cuts nothing.
    """

    px: int
    normal: tuple[tuple[float, float, float], tuple[float, float, float]]
    resize: str = "tensor"

    def __call__(self, tiles: NDArray[np.uint8], device: torch.device) -> Tensor:
        """(n, h, w, 3) uint8 RGB, h = w -> (n, 3, px, px) float32."""
        if tiles.ndim != 4 or tiles.shape[1] != tiles.shape[2] or tiles.shape[3] != 3:
            raise ValueError(f"Tiles must be (n, h, w, 3) with h = w, got {tiles.shape}.")
        if tiles.shape[1] != self.px and self.resize != "tensor":
            tiles = np.stack([self._pillow(tile) for tile in tiles])
        x = torch.from_numpy(np.require(tiles, requirements=["C", "W"])).to(device).permute(0, 3, 1, 2).float() / 255
        if x.shape[2] != self.px:
            x = functional.interpolate(x, size=(self.px, self.px), mode="bilinear", antialias=True)
        mean, sd = (torch.tensor(part, device=device).view(1, 3, 1, 1) for part in self.normal)
        return (x - mean) / sd

    def _pillow(self, tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
        how = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}[self.resize]
        return np.asarray(Image.fromarray(tile).resize((self.px, self.px), how))
