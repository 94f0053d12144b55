"""A released DeepSpot folder, made here: the class layout of its pickles, the gene list, the chosen parameters."""

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

PARTS = {"spot": 1, "spot_subspot": 2, "spot_neighbors": 2, "spot_subspot_neighbors": 3}
LIGHTNING = "lightning.fabric.utilities.data"


def release_classes(module: str) -> dict[str, Any]:
    """Classes as the pickles name them (LightningModule adds attributes, but no tensors)."""

    class Phi(nn.Module):
        def __init__(self, d: int, hidden: int) -> None:
            super().__init__()
            self.model = nn.Sequential(nn.Linear(d, hidden), nn.Dropout(0.3), nn.ReLU())

    class Rho(nn.Module):
        def __init__(self, pooled: int, genes: int) -> None:
            super().__init__()
            self.model = nn.Sequential(nn.Dropout(0.3), nn.ReLU(), nn.Linear(pooled, genes), nn.Dropout(0.1))

    class AttributeDict(dict):  # type: ignore[type-arg]
        pass

    class DeepSpot(nn.Module):
        def __init__(self, sizes: tuple[int, int, int], ensembles: tuple[int, int], context: str, scaler: Any) -> None:
            super().__init__()
            d, hidden, genes = sizes
            self.phi_spot = nn.ModuleList(Phi(d, hidden) for _ in range(ensembles[0]))
            self.rho = nn.ModuleList(Rho(PARTS[context] * hidden, genes) for _ in range(ensembles[1]))
            self.scaler = scaler
            self.loss_func = loss
            self._forward_fn = self.forward_spot
            self._device = torch.device("cpu")
            self.training_loss = [0.5]
            self._hparams = AttributeDict(
                input_size=d, output_size=genes, phi2rho_size=hidden, spot_context=context, scaler=scaler
            )

        def forward_spot(self) -> None:
            pass

    def loss() -> None:
        pass

    made: dict[str, Any] = {"Phi": Phi, "Rho": Rho, "DeepSpot": DeepSpot, "AttributeDict": AttributeDict, "loss": loss}
    for name, value in made.items():
        value.__module__, value.__qualname__ = module, name
    AttributeDict.__module__ = LIGHTNING
    return made


@contextmanager
def importable(classes: dict[str, Any], module: str) -> Iterator[None]:
    """Their modules exist while pickling, and are gone when the product reads the file."""
    names = {
        ".".join(name.split(".")[: depth + 1]) for name in (module, LIGHTNING) for depth in range(name.count(".") + 1)
    }
    made = {name: types.ModuleType(name) for name in names}
    for name in (module, LIGHTNING):
        vars(made[name]).update({value.__name__: value for value in classes.values()})
    sys.modules.update(made)
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


def save(folder: Path, model: Any, classes: dict[str, Any], module: str) -> None:
    """final_model.pkl as `torch.save(model)` writes it."""
    folder.mkdir(exist_ok=True)
    with importable(classes, module):
        torch.save(model, folder / "final_model.pkl")


def write_side_files(folder: Path, genes: list[str], encoder: str = "hoptimus0", mini_tiles: int = 4) -> None:
    """The list of genes, every second of which is predicted, in another order than its rank; the chosen parameters."""
    folder.mkdir(exist_ok=True)
    rows = ["gene_name,highly_variable_rank,isPredicted"]
    for i, gene in enumerate(genes):
        rows += [f"NOT{i},{2 * i},False", f"{gene},{len(genes) - i},True"]
    (folder / "info_highly_variable_genes.csv").write_text("\n".join(rows) + "\n")
    chosen = {"image_feature_model": encoder, "neighbors": 1, "n_mini_tiles": mini_tiles, "gene_norm": None, "res": 1}
    (folder / "top_param_overall.yaml").write_text(yaml.safe_dump(chosen))
