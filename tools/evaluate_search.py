"""Judging the whole road, H&E to text, on tissue of which nothing was seen."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.checkpoint import read_config
from models.protocols import F32
from models.starter_image_text import StarterImageText
from models.starter_joint import StarterJoint
from models.training.metrics import auroc
from tools.datasets import consep, her2st
from tools.embedded import EQUAL, Embedded
from tools.image_material import PLAN, ImageMaterial
from tools.score import fuse
from tools.train_image import Fold
from tools.train_joint import Material, fit

ACROSS_ORGANS = ("B+C", "consep")  # breast teaches, colon is asked
QUERIES = {
    "invasive cancer": "invasive cancer",
    "connective tissue": "connective tissue",
    "adipose tissue": "adipose tissue",
    "breast glands": "breast glands",
}
NUCLEI_QUERIES = {"inflammatory": "immune cells", "epithelial": "epithelium", "spindle": "fibroblasts"}
KEPT_APART = ("fat", "T cells", "collagen", "epidermis")
LEAST = 5


def evaluate_search(
    images: ImageMaterial, words: Material, folds: Sequence[Fold], data: Path, seed: int
) -> dict[str, float]:
    """AUROC of queries by every scorer and by random gene sets, on held-out tissue; labels of breast are weak.

    "fused" takes molecular and image-text in equal parts. Beside them, how alike maps of unrelated queries are.
    """
    figures: dict[str, float] = {}
    rng = np.random.default_rng(seed)
    for fold in folds:
        arrays, config, lists = fit(words, [s for s in words.sections if s.patient != fold.test])
        joint = StarterJoint(arrays, {**config, **lists})
        seeing = StarterImageText(joint, read_config(StarterImageText.card.folder()))
        found: dict[str, list[float]] = {}
        for tissue, predicted, embedded in zip(fold.unseen, fold.predicted, fold.embedded, strict=True):
            queries, truth = _truth(tissue.name, data)
            asked = [*queries, *KEPT_APART]
            rows = {"molecular": joint.embed_expression(predicted + images.mean, images.genes)}
            rows["image-text"] = seeing.project_image(embedded[:, 0])
            if tissue.measured is not None:
                rows["measured"] = joint.embed_expression(tissue.measured + images.mean, images.genes)
            unrelated = joint.null_texts()
            spots = {kind: Embedded(embedding, joint, unrelated) for kind, embedding in rows.items()}
            scores = {kind: np.stack([of.scores(query) for query in asked], axis=1) for kind, of in spots.items()}
            scores["fused"] = fuse(scores["molecular"], scores["image-text"], EQUAL)
            for kind, values in scores.items():
                for j, column in enumerate(truth.T):
                    _note(found, f"{kind}, {list(queries.values())[j]}", values[:, j], column)
            for _ in range(100):
                score = predicted[:, rng.choice(predicted.shape[1], 15, replace=False)].mean(axis=1)
                for j, column in enumerate(truth.T):
                    _note(found, f"random genes, {list(queries.values())[j]}", score, column)
            for kind in ("molecular", "image-text", "fused"):
                upper = np.asarray(np.corrcoef(scores[kind][:, len(queries) :].T))[np.triu_indices(len(KEPT_APART), 1)]
                name = f"{kind}, correlation of maps (absolute, fat / T cells / collagen / epidermis)"
                found.setdefault(name, []).append(float(np.abs(upper).mean()))
        figures |= {f"{fold.test} from {fold.train}, {name}": float(np.mean(values)) for name, values in found.items()}
    return figures


def _note(found: dict[str, list[float]], name: str, scores: F32, truth: NDArray[np.int8]) -> None:
    known = truth >= 0
    positive = truth[known] == 1
    if LEAST <= positive.sum() <= len(positive) - LEAST:
        found.setdefault(name, []).append(auroc(scores[known], positive))


def _truth(name: str, data: Path) -> tuple[dict[str, str], NDArray[np.int8]]:
    """Queries with their label, and per spot and query 1 (is), 0 (is not), -1 (unknown)."""
    if name == "consep":
        counts = consep.fields(consep.read_sources(data / "consep"), PLAN.tile_um or 0.0, PLAN.tile_px).counts
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        columns = [share[:, consep.KINDS.index(kind)] > 0.5 for kind in NUCLEI_QUERIES]
        return {query: kind for kind, query in NUCLEI_QUERIES.items()}, np.stack(columns, axis=1).astype(np.int8)
    labels = her2st.read_section(data / "her2st", name).labels
    columns = [np.where(labels == "", -1, labels == label) for label in QUERIES.values()]
    return QUERIES, np.stack(columns, axis=1).astype(np.int8)
