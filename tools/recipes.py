"""What each stage's output was made from. An output whose recipe is unchanged need not be made again."""

from pathlib import Path
from typing import Any

from models.card import Card
from models.registry import ModelSet, model_class
from tools.files import digest, fingerprint, sha256_of_weights
from tools.spots import Spots

VERSION = 2  # of the stages' code: raise it when a stage would write something else from the same inputs
STAGES = ("spots", "embeddings", "expression", "joint", "index")


def recipes(path: Path, spots: Spots, models: ModelSet, models_dir: Path | None, until: str) -> dict[str, str]:
    """Recipe of each stage up to `until`: inputs, models by checksum, code version, and the recipe of the stage before.

    `path` is the slide's file.
    """
    found: dict[str, str] = {}
    before = ""
    for stage in STAGES[: STAGES.index(until) + 1]:
        before = found[stage] = digest([VERSION, before, _own(stage, path, spots, models, models_dir)])
    return found


def checksums(card: Card, models_dir: Path | None) -> list[str]:
    """SHA-256 of the weights of a model that are here."""
    return [sha256_of_weights(path) for path in card.present(models_dir)]


def _own(stage: str, path: Path, spots: Spots, models: ModelSet, models_dir: Path | None) -> Any:
    """What a stage depends on beside the stage before it."""
    if stage == "spots":
        places = digest([spots.ids, spots.l0_xy.round(2).tolist()])
        return [fingerprint(path), places, spots.mpp, spots.spot_um, spots.pitch_um, spots.layout]
    names: dict[str, tuple[str, ...]] = {
        "embeddings": (models.encoder, models.predictor),
        "expression": (models.predictor,),
        "joint": (models.joint, models.image_text),
        "index": (),
    }
    cards = [model_class(name).card for name in names[stage]]
    return [[card.name, checksums(card, models_dir)] for card in cards]
