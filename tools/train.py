"""Training of the built-in models from public data, reproducible from a seed. Needs the extra `train`."""

from collections.abc import Mapping
from pathlib import Path

from tools.held_out_scores import ACROSS_ORGANS, Ground
from tools.image_material import gather as gather_images
from tools.image_words import shipped_words
from tools.train_image import FOLDS, evaluate_deepspot, held_out, train_deepspot, train_encoder
from tools.train_image_text import judge, train_image_text
from tools.train_joint import evaluate_joint, train_joint
from tools.train_joint import gather as gather_words

__all__ = [
    "evaluate",
    "figures_table",
    "train_all",
    "train_deepspot",
    "train_encoder",
    "train_image_text",
    "train_joint",
]

Figures = dict[str, float]


def train_all(data: Path, out: Path, seed: int = 0) -> dict[str, Figures]:
    """Encoder, DeepSpot head, joint space and image-text words, in the order of need; figures by model."""
    return {
        "starter-encoder": train_encoder(data, out, seed),
        "starter-deepspot": train_deepspot(data, out, seed),
        "starter-joint": train_joint(data, out, seed),
        "starter-image-text": train_image_text(data, out, seed),
    }


def evaluate(data: Path, out: Path, seed: int = 0) -> dict[str, Figures]:
    """The held-out figures alone, from data; nothing is written but the features kept in `out/.looks`."""
    images, words = gather_images(data, out, seed), gather_words(data, seed)
    folds = list(held_out(images, (*FOLDS, ACROSS_ORGANS), seed))
    return {
        "starter-deepspot": evaluate_deepspot(images, folds[: len(FOLDS)], data)[0],
        "starter-joint": evaluate_joint(words, seed),
        "starter-image-text": judge(Ground(images, words, folds, data), shipped_words(), seed)[0],
    }


def figures_table(figures: Mapping[str, float]) -> str:
    """Figures as a Markdown table."""
    rows = [f"| {name} | {value:.3f} |" for name, value in figures.items()]
    return "\n".join(["| figure | value |", "|---|---|", *rows])
