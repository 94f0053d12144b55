"""DeepSpot-M (Nonchev et al. 2026): one tile to 19,000 genes, through the authors' own package.

Its decoder looks at all patches of a tile, so that there is no tile embedding to keep: the "encoder" here already gives
expression, and the predictor hands it on. The values are relative: a gene may be compared between spots, genes within a
spot may not.
"""

import csv
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.card import Card, ModelUnavailable
from models.protocols import F32, TilePlan
from models.published.vit_encoder import in_batches

GENES = 19368  # gene tokens in the released tokens.csv
TILE_PX = 224
SOURCE_OF_GENES = "scgpt"  # whose gene embeddings ask the decoder; the authors' default
FILES = ("config.json", "model.safetensors", "tokens.csv")
LICENSE = "CC-BY-NC-SA-4.0; package PolyForm-Noncommercial-1.0.0"
SOURCE = "https://huggingface.co/ratschlab/DeepSpotM"
PACKAGE = "pip install 'deepspotm==1.0.0'"
OBTAIN = f"hf download ratschlab/DeepSpotM --local-dir {{folder}}, and {PACKAGE}"
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

    def __init__(self, net: Any, processor: Any, device: str = "cpu") -> None:
        from models.networks.compute import torch_device

        self._device = torch_device(device)
        self._net, self._processor = net.to(self._device).eval(), processor
        self._genes = len(net.gene_names)

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "DeepSpotMTiles":
        """Read its folder with the authors' package; every tensor of the file must be one of the network."""
        from models.checkpoint import require_fit
        from models.networks.foreign import shapes_in

        try:
            from deepspotm import DeepSpotM
        except ImportError as error:
            raise ModelUnavailable(
                f"DeepSpot-M needs its authors' package, for non-commercial use, which cannot be imported ({error}): "
                f"{PACKAGE}."
            ) from error
        net, processor = DeepSpotM.from_pretrained(str(folder), source=SOURCE_OF_GENES, device="cpu")
        path = folder / "model.safetensors"
        require_fit(shapes_in(path), {name: tuple(value.shape) for name, value in net.state_dict().items()}, path)
        return cls(net, processor, device)

    def encode_image(self, tiles: NDArray[np.uint8]) -> F32:
        """(n, h, w, 3) uint8 RGB at 0.5 um/px, h = w -> (n, genes) relative log1p CP10K."""
        return in_batches(tiles, self._device.type, self._expression, self._genes)

    def _expression(self, tiles: NDArray[np.uint8]) -> Any:
        import torch
        from PIL import Image

        pictures = (Image.fromarray(tile).resize((TILE_PX, TILE_PX), Image.Resampling.BILINEAR) for tile in tiles)
        batch = torch.stack([self._processor(picture) for picture in pictures])
        return self._net(batch.to(self._device))[0]


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

    def predict_expression(self, embeddings: F32, neighbours: NDArray[np.int64]) -> F32:
        """(n, 1, g) as `DeepSpotMTiles` gives it -> (n, g), below zero cut."""
        if embeddings.shape[1:] != (1, len(self.genes)):
            raise ValueError(f"Embeddings must be (n, 1, {len(self.genes)}), got {embeddings.shape}.")
        return np.asarray(np.maximum(embeddings[:, 0], 0), np.float32)
