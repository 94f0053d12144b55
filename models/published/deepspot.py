"""Expression with a released DeepSpot model, once `python app.py models convert deepspot FOLDER` has read it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.card import Card, ModelUnavailable
from models.checkpoint import need, read_config
from models.deepspot import GeneTable, read_genes
from models.neighbourhoods import with_neighbours
from models.protocols import F32, Rows, TilePlan

if TYPE_CHECKING:
    from models.networks.deepspot_published import PublishedDeepSpot

SPOT_PX_20X = 110  # a 55 um spot at 0.5 um per pixel, the scale of the training images
OBTAIN = (
    "https://zenodo.org/records/15322099 (DeepSpot_pretrained_model_weights.zip, 1.5 GiB), unpack, then "
    "`python app.py models convert deepspot MODEL_FOLDER`; it writes {folder}"
)


class PublishedPredictor:
    """DeepSpot as released: lower median over phi, sub-spots summed, neighbours by maximum, scaler inverted once.

    Neighbours are the first ring of the grid. Below zero is cut: the output is log1p CP10K.
    """

    card: ClassVar[Card] = Card(
        name="deepspot",
        task="expression-predictor",
        dim=5000,
        license="MIT",
        source="https://zenodo.org/records/15322099",
        summary="DeepSpot as published: 5,000 genes, one model per organ, on H-optimus-0 or UNI.",
        citation="Nonchev et al. 2025 (DeepSpot)",
        input_px=SPOT_PX_20X,
        input_um=55.0,
        files=("model.safetensors", "config.json", "genes.csv"),
        obtain=OBTAIN,
    )
    paper_compat: ClassVar[bool] = False

    def __init__(
        self, net: "PublishedDeepSpot", config: dict[str, Any], genes: GeneTable, where: tuple[str, Path]
    ) -> None:
        from models.networks.compute import torch_device

        self._where = where  # device, and the folder of models, in which the encoder lies beside this one
        self._device = torch_device(where[0])
        self._net = net.float().to(self._device).eval()
        self.encoder: str = config["encoder"]
        self.genes, self.ensembl_ids, self.reliability = genes
        box = int(config["neighbours"]) if self.paper_compat else None
        self.plan = TilePlan(None, SPOT_PX_20X, int(config["sub_grid"]), native=True, neighbour_box=box)

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "PublishedPredictor":
        """Read a converted folder, strictly."""
        from models.networks.deepspot_published import PublishedDeepSpot
        from models.networks.loading import load_into

        config = read_config(folder)
        keys = ("input_size", "hidden_size", "output_size", "n_phi", "context")
        sizes = [need(config, key, folder) for key in keys]
        for key in ("encoder", "sub_grid", "neighbours"):
            need(config, key, folder)
        genes = read_genes(folder / "genes.csv")
        if len(genes[0]) != sizes[2]:
            raise ModelUnavailable(
                f"{folder / 'genes.csv'} names {len(genes[0])} genes, the network predicts {sizes[2]}."
            )
        return cls(load_into(PublishedDeepSpot(*sizes), folder), config, genes, (device, folder.parent))

    def predict_expression(self, embeddings: Rows, neighbours: NDArray[np.int64]) -> F32:
        """(n, 1 + sub_grid**2, d) embeddings, (n, m) neighbour rows, -1 for none -> (n, g) log1p CP10K, >= 0."""
        parts = list(self.expression_parts(embeddings, neighbours))
        return np.concatenate(parts) if parts else np.zeros((0, len(self.genes)), np.float32)

    def expression_parts(self, embeddings: Rows, neighbours: NDArray[np.int64]) -> Iterator[F32]:
        """The same, some rows at a time."""
        expected = (self.plan.tiles_per_spot, self._net.phi_weight.shape[2])
        if len(embeddings.shape) != 3 or embeddings.shape[1:] != expected:
            raise ValueError(f"Embeddings must be (n, {expected[0]}, {expected[1]}), got {embeddings.shape}.")
        empty = self._empty_surroundings(neighbours)
        for bags, rows, wanted in with_neighbours(embeddings, neighbours):
            yield self._predict(bags, rows, empty)[:wanted]

    def _predict(self, embeddings: F32, neighbours: NDArray[np.int64], empty: F32) -> F32:
        import torch

        with torch.inference_mode():
            bags, rows, alone = (
                torch.from_numpy(np.ascontiguousarray(part)).to(self._device)
                for part in (embeddings.astype(np.float32, copy=False), neighbours, empty)
            )
            scaled = self._net.unscale(self._net(bags, rows, alone))
            expression = self._net.unscale(scaled) if self.paper_compat else scaled
            found: F32 = expression.clamp(min=0).cpu().numpy()
        return np.log1p(np.trunc(np.expm1(found))) if self.paper_compat else found

    def _empty_surroundings(self, neighbours: NDArray[np.int64]) -> F32:
        """What stands in for a spot without any neighbour: the embedding of a black tile, as published."""
        if "around" not in self._net.roles or (neighbours >= 0).any(axis=1).all():
            return np.zeros(self._net.phi_weight.shape[2], np.float32)
        from models.registry import load

        black = np.zeros((1, 224, 224, 3), np.uint8)
        return np.asarray(load(self.encoder, *self._where).encode_image(black)[0], np.float32)


class PaperCompatPredictor(PublishedPredictor):
    """The same weights as in the paper's notebooks: scaler inverted twice, integer counts, neighbours by array."""

    card: ClassVar[Card] = Card(
        name="deepspot-paper-compat",
        task="expression-predictor",
        dim=5000,
        license="MIT",
        source="https://zenodo.org/records/15322099",
        summary="DeepSpot with the paper's double inverse, integer counts and neighbours by array position.",
        citation="Nonchev et al. 2025 (DeepSpot); Schaefer, Nonchev et al. 2025 (SpotWhisperer)",
        input_px=SPOT_PX_20X,
        input_um=55.0,
        files=("model.safetensors", "config.json", "genes.csv"),
        obtain=OBTAIN,
        home="deepspot",
    )
    paper_compat: ClassVar[bool] = True
