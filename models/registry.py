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
    "starter-image-text": "models.starter_image_text:StarterImageText",
    "h-optimus-0": "models.published.h_optimus:HOptimus0",
    "h0-mini": "models.published.h_optimus:H0Mini",
    "uni": "models.published.uni:Uni",
    "uni2-h": "models.published.uni:Uni2",
    "virchow2": "models.published.virchow2:Virchow2",
    "phikon": "models.published.phikon:Phikon",
    "phikon-v2": "models.published.phikon:PhikonV2",
    "midnight": "models.published.midnight:Midnight",
    "deepspot": "models.published.deepspot:PublishedPredictor",
    "deepspot-paper-compat": "models.published.deepspot:PaperCompatPredictor",
    "deepspot-m-tiles": "models.published.deepspot_m:DeepSpotMTiles",
    "deepspot-m": "models.published.deepspot_m:DeepSpotM",
    "cellwhisperer": "models.published.cellwhisperer:CellWhisperer",
    "spatialwhisperer": "models.published.spatialwhisperer:SpatialWhisperer",
    "plip": "models.published.plip:Plip",
    "conch": "models.published.conch:ConchModel",
    "keep": "models.published.keep:KeepModel",
    "musk": "models.published.musk:MuskModel",
    "quiltnet": "models.published.quiltnet:QuiltNet",
    "spatialwhisperer-image": "models.published.spatialwhisperer:SpatialWhispererImage",
    "fake-encoder": "models.fakes:FakeEncoder",
    "fake-predictor": "models.fakes:FakePredictor",
    "fake-joint": "models.fakes:FakeJoint",
    "fake-image-text": "models.fakes:FakeImageText",
}


@dataclass(frozen=True)
class ModelSet:
    """The models that one preparation uses, by registry name; `image_text` stands beside them as another scorer."""

    encoder: str
    predictor: str
    joint: str
    image_text: str


SETS = {
    "starter": ModelSet("starter-encoder", "starter-deepspot", "starter-joint", "starter-image-text"),
    "paper": ModelSet("h-optimus-0", "deepspot", "cellwhisperer", "conch"),
    "paper-compat": ModelSet("h-optimus-0", "deepspot-paper-compat", "cellwhisperer", "conch"),
    "deepspot-m": ModelSet("deepspot-m-tiles", "deepspot-m", "starter-joint", "starter-image-text"),
    "spatialwhisperer": ModelSet("h-optimus-0", "deepspot", "spatialwhisperer", "spatialwhisperer-image"),
    "paper-uni": ModelSet("uni", "deepspot", "cellwhisperer", "conch"),
    "paper-uni-compat": ModelSet("uni", "deepspot-paper-compat", "cellwhisperer", "conch"),
    "fake": ModelSet("fake-encoder", "fake-predictor", "fake-joint", "fake-image-text"),
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


def require(models: ModelSet, models_dir: Path | None = None) -> None:
    """Raise ModelUnavailable that lists, a line a model, what a set still needs, or why its models do not go together.

    Relative expression must not be ranked within a spot: a joint model that does so is refused.
    """
    parts: list[Card] = [model_class(name).card for name in (models.encoder, models.predictor, models.joint)]
    if parts[1].relative and parts[2].ranks_genes:
        raise ModelUnavailable(
            f"'{parts[1].name}' predicts relative expression, comparable between spots but not between genes, and "
            f"'{parts[2].name}' ranks the genes of each spot. Take a joint model that compares spots gene by gene: "
            "starter-joint."
        )
    absent = [(card, files) for card in parts if (files := card.missing(models_dir))]
    if absent:
        lines = [f"{len(absent)} of the {len(parts)} models of this set are not here."]
        for card, files in absent:
            names = ", ".join(path.name for path in files)
            lines.append(f"  {card.name}: {names} missing in {files[0].parent}")
            lines.append(f"    get: {card.how_to_get(models_dir)}")
        raise ModelUnavailable("\n".join(lines))


def fitting_sets(predictor: Any) -> str:
    """Names of the sets that pair this loaded predictor with the encoder that it was trained on."""
    pairs = {name: (models.predictor, models.encoder) for name, models in SETS.items()}
    fitting = [name for name, pair in pairs.items() if pair == (predictor.card.name, predictor.encoder)]
    return "--models " + " or ".join(fitting) if fitting else "there is none yet"


def load(name: str, device: str = "cpu", models_dir: Path | None = None) -> Any:
    """The loaded model, shared by everyone in this process.

    Raises ModelUnavailable when files are missing, naming each, where it was expected and how to get it.
    """
    card: Card = model_class(name).card
    absent = card.missing(models_dir)
    if absent:
        listed = ", ".join(str(path) for path in absent)
        raise ModelUnavailable(
            f"The weights of '{name}' are not here: missing {listed}. Get them: {card.how_to_get(models_dir)}."
        )
    return _load(name, device, card.folder(models_dir))


@cache
def _load(name: str, device: str, folder: Path) -> Any:
    return model_class(name).load(folder, device)
