"""Batches that fit, and what happens when they do not."""

import logging

import numpy as np
import pytest
import torch

from models.networks.compute import MOST, PROBE, Batches, GpuMemory

TILES = np.arange(20, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)


class TenTiles(GpuMemory):
    """A GPU with memory for twenty tiles, of which a batch may take twelve."""

    def __init__(self) -> None:
        self.watched = 0

    def start(self) -> None:
        self.watched += 1

    def taken(self) -> int:
        return PROBE * 100

    def free(self) -> int:
        return 2000


class Encoder:
    """Means of tiles, on a pretended GPU that holds `holds` tiles at once."""

    def __init__(self, holds: int) -> None:
        self.holds, self.sizes, self.on_cpu = holds, list[int](), False
        self.batches = Batches(torch.device("cuda"), lambda _side: 8, self.to_cpu, TenTiles())

    def to_cpu(self) -> None:
        self.on_cpu = True

    def __call__(self, tiles: np.ndarray) -> torch.Tensor:
        if self.batches.device.type == "cuda" and len(tiles) > self.holds:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        self.sizes.append(len(tiles))
        return torch.from_numpy(tiles).double().mean(dim=(1, 2))


def run(holds: int) -> Encoder:
    encoder = Encoder(holds)
    found = encoder.batches.run(TILES, encoder)
    assert found.dtype == np.float32 and (found == TILES.mean(axis=(1, 2))).all()
    return encoder


def test_the_first_tiles_say_how_many_fit() -> None:
    encoder = run(holds=100)
    assert encoder.sizes == [PROBE, 12, 4] and not encoder.on_cpu
    assert encoder.batches.at_once(8) == 12 and encoder.batches.at_once(16) == MOST
    assert encoder.batches._memory.watched == 1  # type: ignore[attr-defined]


def test_batches_are_halved_when_memory_runs_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        encoder = run(holds=7)
    assert encoder.sizes == [4, 6, 6, 4] and not encoder.on_cpu and encoder.batches.trouble == ""
    assert "6 tiles of 8 px at once" in caplog.text


def test_the_cpu_takes_over_when_not_one_tile_fits() -> None:
    encoder = run(holds=0)
    assert encoder.on_cpu and encoder.batches.device.type == "cpu"
    assert encoder.sizes == [8, 8, 4] and "CPU" in encoder.batches.trouble
    encoder.batches.run(TILES[:2], encoder)  # and stays there
    assert encoder.sizes[-1] == 2
