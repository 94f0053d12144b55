"""Expression from tile embeddings with a DeepSpot network."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.card import Card, ModelUnavailable
from models.centring import minus, slide_means
from models.checkpoint import need, read_config, whole
from models.protocols import F32, Rows, TilePlan

if TYPE_CHECKING:
    from models.networks.deepspot import DeepSpotNet

ROWS_PER_BATCH = 2048


class DeepSpotPredictor:
    """A DeepSpot network with its genes; every size comes from the checkpoint's config."""

    card: ClassVar[Card] = Card(
        name="starter-deepspot",
        task="expression-predictor",
        dim=5500,
        license="MIT",
        source="this repository: python app.py train deepspot (her2st CC BY 4.0, CoNSeP Apache-2.0, CPL CC BY 4.0)",
        summary="DeepSpot head for 5,500 genes, trained on breast cancer and colon nuclei.",
        citation="Nonchev et al. 2025 (DeepSpot); Andersson et al. 2021 (her2st); Graham et al. 2019 (CoNSeP)",
        input_px=224,
        input_um=112.0,
        organs=("breast", "colon"),
        files=("model.safetensors", "config.json", "genes.csv"),
    )

    def __init__(self, net: "DeepSpotNet", config: dict[str, Any], genes: "GeneTable", device: str = "cpu") -> None:
        from models.networks.compute import torch_device

        self._device = torch_device(device)
        self._net = net.float().to(self._device).eval()
        self.encoder: str = config["encoder"]
        self.plan = TilePlan(**config["plan"])
        self._reference = net.get_buffer("reference_mean").cpu().numpy() if config["centre"] else None
        self.genes, self.ensembl_ids, self.reliability = genes

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "DeepSpotPredictor":
        """Read model.safetensors, config.json and genes.csv of a checkpoint."""
        from models.networks.deepspot import DeepSpotNet
        from models.networks.loading import load_into

        config = read_config(folder)
        genes = read_genes(folder / "genes.csv")
        sizes = [int(need(config, key, folder)) for key in ("input_size", "hidden_size", "output_size", "n_phi")]
        for key in ("encoder", "plan", "centre"):
            need(config, key, folder)
        if len(genes[0]) != sizes[2]:
            raise ModelUnavailable(
                f"{folder / 'genes.csv'} names {len(genes[0])} genes, the network predicts {sizes[2]}."
            )
        return cls(load_into(DeepSpotNet(*sizes), folder), config, genes, device)

    def predict_expression(self, embeddings: Rows, neighbours: NDArray[np.int64]) -> F32:
        """(n, 1 + sub_grid**2, d) embeddings, (n, m) neighbour rows, -1 for none -> (n, g) log1p CP10K, >= 0.

        Pass a whole slide: where the checkpoint says so, the mean of the slide is taken from embeddings first.
        """
        parts = list(self.expression_parts(embeddings, neighbours))
        return np.concatenate(parts) if parts else np.zeros((0, len(self.genes)), np.float32)

    def expression_parts(self, embeddings: Rows, neighbours: NDArray[np.int64]) -> Iterator[F32]:
        """The same, some rows at a time: only phi of every spot's own tile is held for the whole slide."""
        import torch

        expected = (self.plan.tiles_per_spot, self._net.phi_weight.shape[2])
        if len(embeddings.shape) != 3 or embeddings.shape[1:] != expected:
            raise ValueError(f"Embeddings must be (n, {expected[0]}, {expected[1]}), got {embeddings.shape}.")
        means = None if self._reference is None else slide_means(embeddings, self._reference)

        def bags(start: int) -> "torch.Tensor":
            part = np.asarray(embeddings[start : start + ROWS_PER_BATCH], np.float32)
            return torch.from_numpy(np.array(part) if means is None else minus(part, means)).to(self._device)

        starts = range(0, len(embeddings), ROWS_PER_BATCH)
        with torch.inference_mode():
            own = [self._net.phi(bags(start)[:, :1])[:, 0] for start in starts]
            spots = torch.cat(own) if own else None
        for start in starts:
            with torch.inference_mode():
                rows = torch.from_numpy(np.ascontiguousarray(neighbours[start : start + ROWS_PER_BATCH]))
                pooled = self._net.pool(self._net.phi(bags(start)), rows.to(self._device), spots)
                found: F32 = self._net.rho(pooled).clamp(min=0).cpu().numpy()
            yield found


GeneTable = tuple[tuple[str, ...], tuple[str, ...], F32]
"""Symbols, Ensembl ids ("" where unknown) and reliability (NaN where unknown) in the order of the network's outputs."""


def read_genes(path: Path) -> GeneTable:
    """genes.csv with the columns gene, ensembl_id, reliability."""
    if not path.is_file():
        raise ModelUnavailable(f"{path} is missing: it names the genes that the network predicts.")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    reliability = np.array([float(row["reliability"] or "nan") for row in rows], np.float32)
    return tuple(row["gene"] for row in rows), tuple(row["ensembl_id"] for row in rows), reliability


def write_genes(path: Path, table: GeneTable) -> None:
    """The inverse of `read_genes`."""
    with whole(path) as part, part.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["gene", "ensembl_id", "reliability"])
        for gene, ensembl_id, value in zip(*table, strict=True):
            writer.writerow([gene, ensembl_id, "" if np.isnan(value) else f"{value:.3f}"])
