"""Names of models and where their classes are; imported on demand."""

import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from models.card import Card, ModelUnavailable

REGISTRY = {
    "starter-encoder": "models.starter_encoder:StarterEncoder",
    "starter-deepspot": "models.deepspot:DeepSpotPredictor",
    "starter-joint": "models.starter_joint:StarterJoint",
    "fake-encoder": "models.fakes:FakeEncoder",
    "fake-predictor": "models.fakes:FakePredictor",
    "fake-joint": "models.fakes:FakeJoint",
    "fake-image-text": "models.fakes:FakeImageText",
}


@dataclass(frozen=True)
class ModelSet:
    """The models that one preparation uses, by registry name."""

    encoder: str
    predictor: str
    joint: str


SETS = {
    "starter": ModelSet("starter-encoder", "starter-deepspot", "starter-joint"),
    "fake": ModelSet("fake-encoder", "fake-predictor", "fake-joint"),
}


def model_set(name: str) -> ModelSet:
    """The set called `name`; an unknown name answers with the known ones."""
    if name not in SETS:
        raise ModelUnavailable(f"There is no model set '{name}'; known sets: {', '.join(SETS)}.")
    return SETS[name]


def model_class(name: str) -> Any:
    """The class behind a registry name, imported without torch."""
    if name not in REGISTRY:
        raise ModelUnavailable(f"There is no model '{name}'; known models: {', '.join(REGISTRY)}.")
    module, _, attribute = REGISTRY[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def cards() -> list[Card]:
    """Every card, without loading a model."""
    return [model_class(name).card for name in REGISTRY]


@cache
def load(name: str, device: str = "cpu", models_dir: Path | None = None) -> Any:
    """The loaded model, shared by everyone in this process.

    Raises ModelUnavailable when files are missing, naming each and where it was expected.
    """
    cls = model_class(name)
    absent = cls.card.missing(models_dir)
    if absent:
        listed = ", ".join(str(path) for path in absent)
        raise ModelUnavailable(
            f"The weights of '{name}' are not here: missing {listed}. Source: {cls.card.source} ({cls.card.license})."
        )
    return cls.load(cls.card.folder(models_dir), device)
