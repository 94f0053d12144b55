"""What every scorer says on tissue of which nothing was seen: the ground on which the built-in models are judged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.protocols import F32
from models.starter_image_text import FINE_UM, StarterImageText
from models.starter_joint import StarterJoint
from tools.datasets import consep, her2st
from tools.embedded import EQUAL, Embedded, Fused
from tools.image_material import PLAN, ImageMaterial, coarse_features
from tools.image_words import words_of_fold
from tools.score import fuse
from tools.train_image import Fold
from tools.train_joint import QUERIES as REGION_QUERIES
from tools.train_joint import Material, fit

ACROSS_ORGANS = ("B+C", "consep")  # breast teaches, colon is asked
QUERIES = ("invasive cancer", "connective tissue", "adipose tissue", "breast glands")  # and the labels' own names
NUCLEI_QUERIES = {"immune cells": "inflammatory", "epithelium": "epithelial", "fibroblasts": "spindle"}
MAJORITY = 0.5  # share of a field's nuclei from which on the field is of a kind


@dataclass(frozen=True)
class Ground:
    """What is judged on: tissue, words, folds that each left a patient out, and the folder of the data."""

    images: ImageMaterial
    words: Material
    folds: Sequence[Fold]
    data: Path


@dataclass(frozen=True)
class Asked:
    """One section that was asked: `truth` (n, q) is 1, 0 or -1 (unknown), `scores` per scorer (n, q).

    "fused" takes molecular and image-text in equal parts, "product" as the product weighs them.
    """

    fold: str
    patient: str
    queries: tuple[str, ...]
    truth: NDArray[np.int8]
    scores: dict[str, F32]
    further: dict[str, F32]  # the same for further queries, (n, f)
    predicted: F32 | None = None  # (n, g)


def ask_held_out(
    ground: Ground,
    config: dict[str, Any],
    *,
    further: Sequence[str] = (),
    coarse: tuple[Path, float, int] | None = None,
) -> Iterator[Asked]:
    """Every unseen section of every fold, with models that know neither its patient's image nor its regions.

    `config` of starter-image-text; `coarse` (folder of features, um/px, seed): as a scan of that scale would show it.
    """
    images, words, data = ground.images, ground.words, ground.data
    for fold in ground.folds:
        arrays, sizes, lists = fit(words, [s for s in words.sections if s.patient != fold.test])
        joint = StarterJoint(arrays, {**sizes, **lists})
        seeing = StarterImageText(joint, words_of_fold(config, fold.train))
        um_per_px = coarse[1] if coarse else FINE_UM
        for tissue in fold.unseen:
            features = tissue.features[0]
            if coarse:
                features = coarse_features(data, coarse[0], tissue.name, um_per_px, coarse[2])
            queries, truth = truth_of(tissue.name, data)
            predicted = fold.predict(features, tissue.neighbours)
            rows = {
                "molecular": joint.embed_expression(predicted + images.mean, images.genes),
                "image-text": seeing.project_image(fold.embed(features)[:, 0]),
            }
            if tissue.measured is not None:
                rows["measured"] = joint.embed_expression(tissue.measured + images.mean, images.genes)
            spots = {kind: Embedded(of, joint, joint.null_texts()) for kind, of in rows.items()}
            own = Fused(spots["molecular"], Embedded(rows["image-text"], seeing, joint.null_texts()), um_per_px)
            scores, more = (_scores(spots, own, some) for some in (queries, tuple(further)))
            yield Asked(f"{fold.test} from {fold.train}", tissue.patient, queries, truth, scores, more, predicted)


def ask_measured(words: Material) -> Iterator[Asked]:
    """Measured expression of every section with a pathologist's regions, its patient held out."""
    for section, x in zip(words.sections, words.expression, strict=True):
        arrays, config, lists = fit(words, [other for other in words.sections if other.patient != section.patient])
        joint = StarterJoint(arrays, {**config, **lists})
        spots = Embedded(joint.embed_expression(x, words.genes), joint, joint.null_texts())
        known = section.labels != ""
        truth = np.stack([np.where(known, section.labels == label, -1) for label in REGION_QUERIES], axis=1)
        scores = {"measured": np.stack([spots.scores(query) for query in REGION_QUERIES], axis=1)}
        yield Asked(section.name, section.patient, REGION_QUERIES, truth.astype(np.int8), scores, {})


def truth_of(name: str, data: Path) -> tuple[tuple[str, ...], NDArray[np.int8]]:
    """Queries, and per spot and query 1 (is), 0 (is not), -1 (unknown); labels of breast are weak."""
    if name == "consep":
        counts = consep.fields(consep.read_sources(data / "consep"), PLAN.tile_um or 0.0, PLAN.tile_px).counts
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        columns = [share[:, consep.KINDS.index(kind)] > MAJORITY for kind in NUCLEI_QUERIES.values()]
        return tuple(NUCLEI_QUERIES), np.stack(columns, axis=1).astype(np.int8)
    labels = her2st.read_section(data / "her2st", name).labels
    columns = [np.where(labels == "", -1, labels == label) for label in QUERIES]
    return QUERIES, np.stack(columns, axis=1).astype(np.int8)


def _scores(spots: dict[str, Embedded], own: Fused, queries: Sequence[str]) -> dict[str, F32]:
    if not queries:
        return {}
    scores = {kind: np.stack([of.scores(query) for query in queries], axis=1) for kind, of in spots.items()}
    scores["fused"] = fuse(scores["molecular"], scores["image-text"], EQUAL)
    scores["product"] = np.stack([own.scores(query) for query in queries], axis=1)
    return scores
