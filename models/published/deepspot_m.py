"""DeepSpot-M (Nonchev et al. 2026): one tile to 19,000 genes, for non-commercial use.

Its decoder looks at all patches of a tile, so that there is no tile embedding to keep: the "encoder" here already gives
expression, and the predictor hands it on. The values are relative: a gene may be compared between spots, genes within a
spot may not.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.card import Card, ModelUnavailable
from models.protocols import F32, Rows, TilePlan
from models.published.vit_encoder import CPU_TILES, in_batches

if TYPE_CHECKING:
    from models.networks.deepspot_m import DeepSpotMNet

GENES = 19368  # gene tokens in the released tokens.csv
TILE_PX = 224
ROWS_AT_ONCE = 2048
SOURCE_OF_GENES = "scgpt"  # whose gene embeddings ask the decoder; the authors' default
FILES = ("model.safetensors", "tokens.csv")
LICENSE = "CC-BY-NC-SA-4.0"
SOURCE = "https://huggingface.co/ratschlab/DeepSpotM"
OBTAIN = "hf download ratschlab/DeepSpotM --local-dir {folder}"
CITATION = "Nonchev et al. 2026 (DeepSpot-M)"


class DeepSpotMTiles:
    """Tiles to relative expression."""

    card: ClassVar[Card] = Card(
        name="deepspot-m-tiles",
        task="image-encoder",
        dim=GENES,
        license=LICENSE,
        source=SOURCE,
        summary="DeepSpot-M's network (Midnight with adapters, gene decoder), tile to expression.",
        citation=CITATION,
        gated=True,
        input_px=TILE_PX,
        input_um=112.0,
        files=FILES,
        obtain=OBTAIN,
        home="deepspot-m",
    )

    def __init__(self, net: "DeepSpotMNet", device: str = "cpu") -> None:
        from models.networks.compute import Batches, torch_device
        from models.networks.pixels import HALF, Pixels

        where = torch_device(device)
        self._net = net.float().to(where).eval()
        self._batches = Batches(where, lambda _side: CPU_TILES, self._net.cpu)
        self._pixels = Pixels(TILE_PX, HALF, "bicubic")

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "DeepSpotMTiles":
        """Read its weights, strictly."""
        from models.networks.deepspot_m import load_deepspot_m

        return cls(load_deepspot_m(folder / "model.safetensors", SOURCE_OF_GENES, TILE_PX), device)

    def encode_image(self, tiles: NDArray[np.uint8]) -> F32:
        """(n, h, w, 3) uint8 RGB at 0.5 um/px, h = w -> (n, genes) relative log1p CP10K."""
        genes = len(self._net.decoder.bio)
        return in_batches(tiles, self._batches, lambda some: self._net(self._pixels(some, self._batches.device)), genes)


class DeepSpotM:
    """The genes of DeepSpot-M; no neighbours, no sub-tiles."""

    card: ClassVar[Card] = Card(
        name="deepspot-m",
        task="expression-predictor",
        dim=GENES,
        license=LICENSE,
        source=SOURCE,
        summary="DeepSpot-M: 19,000 genes, relative: a gene is comparable between spots, genes of a spot are not.",
        citation=CITATION,
        gated=True,
        input_px=TILE_PX,
        input_um=112.0,
        files=FILES,
        obtain=OBTAIN,
        relative=True,
    )
    encoder = "deepspot-m-tiles"
    plan = TilePlan(tile_um=112.0, tile_px=TILE_PX, sub_grid=0)

    def __init__(self, genes: tuple[str, ...]) -> None:
        self.genes = genes
        self.ensembl_ids = ("",) * len(genes)
        self.reliability: F32 = np.full(len(genes), np.nan, np.float32)

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "DeepSpotM":
        """Read the names of its genes."""
        with (folder / "tokens.csv").open(newline="") as file:
            rows = csv.DictReader(file)
            if not {"token", "token_type"} <= set(rows.fieldnames or ()):
                raise ModelUnavailable(f"{folder / 'tokens.csv'} lacks the columns token and token_type.")
            return cls(tuple(row["token"] for row in rows if row["token_type"] == "gene"))

    def predict_expression(self, embeddings: Rows, neighbours: NDArray[np.int64]) -> F32:
        """(n, 1, g) as `DeepSpotMTiles` gives it -> (n, g), below zero cut."""
        parts = list(self.expression_parts(embeddings, neighbours))
        return np.concatenate(parts) if parts else np.zeros((0, len(self.genes)), np.float32)

    def expression_parts(self, embeddings: Rows, _neighbours: NDArray[np.int64]) -> Iterator[F32]:
        """The same, some rows at a time."""
        if embeddings.shape[1:] != (1, len(self.genes)):
            raise ValueError(f"Embeddings must be (n, 1, {len(self.genes)}), got {embeddings.shape}.")
        for start in range(0, len(embeddings), ROWS_AT_ONCE):
            yield np.asarray(np.maximum(embeddings[start : start + ROWS_AT_ONCE][:, 0], 0), np.float32)
