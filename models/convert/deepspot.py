"""A released DeepSpot folder to safetensors + JSON: final_model.pkl, top_param_overall.yaml, the list of genes."""

import csv
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from models import checkpoint
from models.card import ModelUnavailable
from models.convert.stand_ins import Array, Inert
from models.convert.torch_file import module_tensors, read_torch_file
from models.convert.unpickle import plain
from models.deepspot import write_genes

GENERATIONS = ("deepspot.spot.model.DeepSpot", "deepspot.model.DeepSpot")  # today's module path and the first one
INERT = (
    "deepspot",
    "lightning",
    "pytorch_lightning",
    "lightning_fabric",
    "sklearn.preprocessing",
    "torch.nn",
    "builtins.getattr",  # how a bound method is pickled; it stays a stand-in like the rest
)
ENCODERS = {"hoptimus0": "h-optimus-0", "uni": "uni", "phikon": "phikon", "phikonv2": "phikon-v2"}
CONTEXT_PARTS = {"spot": 1, "spot_subspot": 2, "spot_neighbors": 2, "spot_subspot_neighbors": 3}
SPOT_UM_PER_PX = 0.5  # 20x, the scale of the training images; spots are 55 um
FILES = ("final_model.pkl", "top_param_overall.yaml", "info_highly_variable_genes.csv")


def convert_deepspot(folder: Path, out: Path) -> dict[str, Any]:
    """Write model.safetensors, config.json and genes.csv of a released folder into `out`; returns the config.

    Raises ModelUnavailable: a file that is absent, not DeepSpot's, or whose tensors do not fit each other.
    """
    absent = [name for name in FILES if not (folder / name).is_file()]
    if absent:
        raise ModelUnavailable(f"{folder} is no released DeepSpot folder: it lacks {', '.join(absent)}.")
    pickled = folder / FILES[0]
    model = read_torch_file(pickled, INERT)
    found = model.path if isinstance(model, Inert) else type(model).__name__
    if not isinstance(model, Inert) or found not in GENERATIONS:
        raise ModelUnavailable(f"{pickled} holds '{found}'; a spot model is expected: {' or '.join(GENERATIONS)}.")
    hyper = _hyperparameters(model)
    chosen = _yaml(folder / FILES[1])
    arrays, sizes = _arrays(module_tensors(model), hyper, pickled)
    arrays |= _scaler(model.state.get("scaler"), sizes["output_size"], pickled)
    genes = _predicted_genes(folder / FILES[2])
    if len(genes) != sizes["output_size"]:
        raise ModelUnavailable(
            f"{folder / FILES[2]} marks {len(genes)} genes as predicted; the network predicts {sizes['output_size']}."
        )
    config = sizes | {
        "encoder": _encoder(chosen, folder / FILES[1]),
        "context": hyper["spot_context"],
        "sub_grid": math.isqrt(int(chosen.get("n_mini_tiles", 9))),
        "neighbours": int(chosen.get("neighbors", 1)),
        "generation": model.path,
        "parameters": {key: value for key, value in chosen.items() if isinstance(value, str | int | float | bool)},
    }
    checkpoint.write(out, arrays, config)
    unknown = np.full(len(genes), np.nan, np.float32)
    write_genes(out / "genes.csv", (genes, ("",) * len(genes), unknown))
    return config


def _hyperparameters(model: Inert) -> dict[str, Any]:
    stored = model.state.get("_hparams")
    given = stored.items if isinstance(stored, Inert) else stored if isinstance(stored, dict) else {}
    return {"spot_context": "spot_subspot_neighbors", "phi2rho_size": 512} | given


def _arrays(tensors: dict[str, Array], hyper: dict[str, Any], path: Path) -> tuple[dict[str, Array], dict[str, int]]:
    """Phi stacked, rho averaged, once every tensor is where and as large as it has to be."""
    context = hyper["spot_context"]
    if context not in CONTEXT_PARTS:
        raise ModelUnavailable(f"{path} has the spot_context '{context}'; known: {', '.join(CONTEXT_PARTS)}.")
    n_phi, n_rho = (_members(tensors, role) for role in ("phi_spot", "rho"))
    hidden, genes, d = int(hyper["phi2rho_size"]), _size(hyper, "output_size", path), _size(hyper, "input_size", path)
    shapes: dict[str, tuple[int, ...]] = {}
    for i in range(max(n_phi, 1)):
        shapes |= {f"phi_spot.{i}.model.0.weight": (hidden, d), f"phi_spot.{i}.model.0.bias": (hidden,)}
    for i in range(max(n_rho, 1)):
        shapes |= {
            f"rho.{i}.model.2.weight": (genes, hidden * CONTEXT_PARTS[context]),
            f"rho.{i}.model.2.bias": (genes,),
        }
    checkpoint.require_fit(tensors, shapes, path)
    phi = [[tensors[f"phi_spot.{i}.model.0.{part}"] for i in range(n_phi)] for part in ("weight", "bias")]
    rho = [
        np.mean([tensors[f"rho.{i}.model.2.{part}"] for i in range(n_rho)], axis=0, dtype=np.float64)
        for part in ("weight", "bias")
    ]
    named = {"phi_weight": np.stack(phi[0]), "phi_bias": np.stack(phi[1]), "rho.weight": rho[0], "rho.bias": rho[1]}
    sizes = {"input_size": d, "hidden_size": hidden, "output_size": genes, "n_phi": n_phi, "n_rho": n_rho}
    return {name: array.astype(np.float32) for name, array in named.items()}, sizes


def _members(tensors: dict[str, Array], role: str) -> int:
    """One more than the highest member that is named."""
    numbers = [int(found[1]) for name in tensors if (found := re.match(rf"{role}\.(\d+)\.", name))]
    return max(numbers, default=-1) + 1


def _size(hyper: dict[str, Any], key: str, path: Path) -> int:
    if not isinstance(hyper.get(key), int):
        raise ModelUnavailable(f"{path} does not say its {key} among its hyper-parameters.")
    return int(hyper[key])


def _scaler(scaler: Any, genes: int, path: Path) -> dict[str, Array]:
    """Scale and mean of the targets' StandardScaler or RobustScaler; 1 and 0 where there is none."""
    state = plain(scaler.state) if isinstance(scaler, Inert) else {}
    if scaler is not None and not ("mean_" in state or "center_" in state):
        kind = scaler.path if isinstance(scaler, Inert) else type(scaler).__name__
        raise ModelUnavailable(f"{path} carries the scaler '{kind}'; StandardScaler and RobustScaler are known.")
    mean, scale = state.get("mean_", state.get("center_")), state.get("scale_")
    arrays = {
        "scaler_mean": np.zeros(genes) if mean is None else np.asarray(mean),
        "scaler_scale": np.ones(genes) if scale is None else np.asarray(scale),
    }
    checkpoint.require_fit(arrays, {name: (genes,) for name in arrays}, path)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def _yaml(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ModelUnavailable(f"{path} is no plain YAML ({str(error).splitlines()[0]}).") from error
    return found if isinstance(found, dict) else {}


def _encoder(chosen: dict[str, Any], path: Path) -> str:
    name = str(chosen.get("image_feature_model"))
    if name not in ENCODERS:
        raise ModelUnavailable(f"{path} names the encoder '{name}'; known: {', '.join(ENCODERS)}.")
    return ENCODERS[name]


def _predicted_genes(path: Path) -> tuple[str, ...]:
    """Symbols with isPredicted, in the order of the file: the order of the network's outputs."""
    with path.open(newline="") as file:
        table = csv.DictReader(file)
        absent = {"gene_name", "isPredicted"} - set(table.fieldnames or ())
        if absent:
            raise ModelUnavailable(f"{path} lacks the columns {', '.join(sorted(absent))}.")
        return tuple(row["gene_name"] for row in table if row["isPredicted"].strip().lower() in ("true", "1", "1.0"))
