"""Judging the whole road, H&E to text, on tissue of which nothing was seen."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.protocols import F32
from models.starter_joint import StarterJoint
from models.training.metrics import auroc
from tools.datasets import consep, her2st
from tools.image_material import PLAN, ImageMaterial
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
    """AUROC of queries on predicted and measured expression and on random gene sets; labels are transferred (weak)."""
    figures: dict[str, float] = {}
    rng = np.random.default_rng(seed)
    for fold in folds:
        arrays, config, lists = fit(words, [s for s in words.sections if s.patient != fold.test])
        joint = StarterJoint(arrays, {**config, **lists})
        found: dict[str, list[float]] = {}
        for tissue, predicted in zip(fold.unseen, fold.predicted, strict=True):
            queries, truth = _truth(tissue.name, data)
            sources = {"predicted": predicted} | ({} if tissue.measured is None else {"measured": tissue.measured})
            text = joint.encode_text(list(queries))
            for kind, deviations in sources.items():
                scores = joint.embed_expression(deviations + images.mean, images.genes) @ text.T
                for j, column in enumerate(truth.T):
                    _note(found, f"{kind}, {list(queries.values())[j]}", scores[:, j], column)
            for _ in range(100):
                score = predicted[:, rng.choice(predicted.shape[1], 15, replace=False)].mean(axis=1)
                for j, column in enumerate(truth.T):
                    _note(found, f"random genes, {list(queries.values())[j]}", score, column)
            apart = joint.embed_expression(predicted + images.mean, images.genes) @ joint.encode_text(KEPT_APART).T
            upper = np.corrcoef(apart.T)[np.triu_indices(len(KEPT_APART), 1)]
            found.setdefault("correlation of maps (absolute, fat / T cells / collagen / epidermis)", []).append(
                float(np.abs(upper).mean())
            )
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
