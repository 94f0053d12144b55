"""Where and in which precision networks run, and how many tiles at once."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.device import wants_compile

log = logging.getLogger(__name__)
Net = TypeVar("Net", bound=nn.Module)
PROBE = 4  # tiles that are run first on a GPU, to see what one takes
SHARE = 0.6  # of the free memory that a batch may take; kernels' workspaces and other programs need some
MOST = 1024


def torch_device(name: str) -> torch.device:
    """'auto' takes a GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def native_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 here: GPUs, and CPUs that multiply it natively."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    flags = torch.cpu._is_avx512_bf16_supported() if hasattr(torch.cpu, "_is_avx512_bf16_supported") else False
    return bool(flags)


def mixed_precision(device: torch.device, half: bool = False) -> AbstractContextManager[object]:
    """Autocast on a GPU: to bfloat16 where that is native, to float16 elsewhere and where `half` asks for it.

    A CPU runs float32, so that published weights give the published vectors.
    """
    if device.type != "cuda":
        return nullcontext()
    return torch.autocast("cuda", torch.float16 if half or not native_bf16(device) else torch.bfloat16)


def to_device(tiles: NDArray[np.uint8], device: torch.device) -> Tensor:
    """A copy of the tiles there; to a GPU from pinned memory, so that it need not be waited for."""
    batch = torch.from_numpy(np.ascontiguousarray(tiles))
    return batch.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else batch.to(device)


def compiled(net: Net) -> Net:
    """The network through `torch.compile` where the settings ask for it; what cannot be compiled runs as it is."""
    if not wants_compile():
        return net
    torch._dynamo.config.suppress_errors = True
    return torch.compile(net, dynamic=True)  # type: ignore[return-value]


class GpuMemory:
    """What a GPU has left, and what was taken of it since `start`."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def start(self) -> None:
        """Begin to watch."""
        torch.cuda.reset_peak_memory_stats(self._device)
        self._before = torch.cuda.memory_allocated(self._device)

    def taken(self) -> int:
        """Bytes at the peak since then."""
        return int(torch.cuda.max_memory_allocated(self._device) - self._before)

    def free(self) -> int:
        """Bytes that can be had, with what torch keeps for itself and does not use."""
        kept = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        return int(torch.cuda.mem_get_info(self._device)[0] + kept)


class Batches:
    """Tiles through a network in batches that the memory of its device holds.

    On a CPU `cpu_step` says how many tiles of a side are a batch. On a GPU a few tiles are run first and say what one
    takes; where memory runs out nevertheless (another program took it), batches are halved, and when one tile does not
    fit the network moves to the CPU, once and for all. `device` is where it is now; `trouble` says so, in words.
    """

    def __init__(
        self,
        device: torch.device,
        cpu_step: Callable[[int], int],
        to_cpu: Callable[[], object],
        memory: GpuMemory | None = None,
    ) -> None:
        self.device, self.trouble = device, ""
        self._cpu_step, self._to_cpu = cpu_step, to_cpu
        self._memory = memory or GpuMemory(device)
        self._steps: dict[int, int] = {}  # tiles at once, by their side

    def at_once(self, side: int) -> int:
        """Tiles of `side` px that make a batch, as far as is known."""
        if self.device.type == "cuda":
            return self._steps.get(side, MOST)
        return self._cpu_step(side)

    def run(self, tiles: NDArray[np.uint8], encode: Callable[[NDArray[np.uint8]], Tensor]) -> NDArray[np.float32]:
        """All of (n, h, w, 3), n > 0, through `encode`, which is given some of them and reads `device` itself."""
        side, start, parts = int(tiles.shape[1]), 0, []
        with torch.inference_mode():
            while start < len(tiles):
                step = self._steps.get(side, PROBE) if self.device.type == "cuda" else self.at_once(side)
                some = tiles[start : start + step]
                try:
                    parts.append(self._watched(some, encode))
                except torch.cuda.OutOfMemoryError:
                    self._give_way(side, len(some))
                else:
                    start += step
            # Only here, so that a GPU is given the next batch while it computes this one.
            whole: NDArray[np.float32] = torch.cat([part.float().cpu() for part in parts]).numpy()
        return whole

    def _watched(self, tiles: NDArray[np.uint8], encode: Callable[[NDArray[np.uint8]], Tensor]) -> Tensor:
        """The first batch of its size on a GPU says how many tiles will fit."""
        side = int(tiles.shape[1])
        if self.device.type != "cuda" or side in self._steps:
            return encode(tiles)
        self._memory.start()
        found = encode(tiles)
        each = max(1, self._memory.taken() // len(tiles))
        self._steps[side] = int(np.clip(SHARE * self._memory.free() // each, 1, MOST))
        return found

    def _give_way(self, side: int, tried: int) -> None:
        torch.cuda.empty_cache()
        if tried > 1:
            self._steps[side] = tried // 2
            log.warning("The GPU's memory is full: %d tiles of %d px at once from now on.", tried // 2, side)
            return
        self._to_cpu()
        self.device = torch.device("cpu")
        self.trouble = "the GPU's memory is full, so the CPU encodes"
        log.warning("The GPU's memory does not hold one tile of %d px: encoding on the CPU.", side)
