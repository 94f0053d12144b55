"""The words of starter-image-text: what tissues and nuclei are called, and what a fold may know of nuclei."""

from typing import Any

import numpy as np

from models.checkpoint import read_config
from models.protocols import F32
from models.starter_encoder import TISSUES
from models.starter_image_text import StarterImageText
from models.training.nuclei import fit_nuclei
from tools.datasets.consep import KINDS

CONSEP = "consep"


def shipped_words() -> dict[str, Any]:
    """The config of the weights that are here."""
    return read_config(StarterImageText.card.folder())


def with_nuclei(config: dict[str, Any], looks: list[F32], counts: F32) -> dict[str, Any]:
    """`config` with weights fitted on evidence (n, 9) under several looks and counts of nuclei (n, 4) of CoNSeP."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = list(config["nuclei"])
    weights = fit_nuclei(looks, share[:, [KINDS.index(name) for name in names]])
    rounded = {name: [round(float(w), 4) for w in row] for name, row in zip(names, weights, strict=True)}
    return config | {"nuclei": {name: config["nuclei"][name] | {"weights": rounded[name]} for name in names}}


def words_of_fold(config: dict[str, Any], train: str) -> dict[str, Any]:
    """`config` as patients joined by "+" could teach it: without CoNSeP nothing of nuclei is known."""
    if CONSEP in train.split("+"):
        return config
    nuclei = {name: kind | {"weights": [0.0] * len(TISSUES)} for name, kind in config["nuclei"].items()}
    return config | {"nuclei": nuclei}
