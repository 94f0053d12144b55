"""The pictures of a report: intervals, confusion, UMAP, maps."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.registry import model_set
from tools.benchmark.config import Config
from tools.benchmark.evaluate import Judged
from tools.benchmark.figures import confusion_png, intervals_png, maps_png, umap_png
from tools.benchmark.report import Picture, Section
from tools.benchmark.results import Results
from tools.benchmark.roads import Roads
from tools.benchmark.samples import Sample
from tools.benchmark.summary import summaries
from tools.umap import embed_2d

MOST_MAPS = 12  # samples whose maps the report holds
NOT_MAPPED = "chance"
MAPS = "Every class beside the label; the other samples are in report.html."


def intervals(key: str, primary: Sequence[Judged], config: Config) -> Picture:
    """AUROC of every scorer with its interval."""
    found = [(part, [s for s in summaries(part, config) if s.mean.n]) for part in primary]
    columns = [s.column for s in max((rows for _, rows in found), key=len)]
    rows = []
    for part, listed in found:
        at = {s.column: s for s in listed}
        values = [
            (at[name].mean.mean, at[name].low, at[name].high) if name in at else (np.nan,) * 3 for name in columns
        ]
        means, lows, highs = (list(column) for column in zip(*values, strict=True))
        rows.append((part.scorer, part.role, means, lows, highs))
    return Picture(f"auroc_{key}.png", "AUROC with 95% bootstrap intervals", intervals_png(rows, columns))


def add_pictures(
    section: Section, key: str, primary: Sequence[Judged], results: Results, roads: Roads, seed: int
) -> None:  # fmt: skip
    """Confusion matrices, UMAP and maps of a group (definition by spots)."""
    config, classes = results.config, list(primary[0].classes)
    if config.definition == "spots":
        matrices = {part.scorer: part.confusion for part in primary if part.scorer != NOT_MAPPED}
        section.add("heading", "Confusion")
        alt = "Label against the highest score, all samples"
        section.add("image", Picture(f"confusion_{key}.png", alt, confusion_png(matrices, classes)))
    flat = _umap_panels(key, results, roads, seed)
    if flat and config.definition == "spots":
        section.add("heading", "UMAP of the joint embedding (Figure 3)")
        alt = "UMAP of predicted expression in the joint space, coloured by label; a panel per set of weights"
        section.add("image", Picture(f"umap_{key}.png", alt, umap_png(flat, classes)))
    mapped = [sample for sample in results.samples if key in sample.truths and sample.slide is not None]
    if config.definition == "spots":
        section.add("heading", "Maps" if mapped else "")
        section.add("text", MAPS if len(mapped) > 1 else "")
        for sample in mapped[:MOST_MAPS]:
            scores = {
                part.scorer: results.scored[key, part.scorer, sample.name].kinds()[part.kind]
                for part in primary
                if part.scorer != NOT_MAPPED and (key, part.scorer, sample.name) in results.scored
            }
            data = maps_png(sample.l0_xy, sample.truths[key].words, classes, scores)
            alt = f"{sample.name}: label (orange; grey others, white left out), then each scorer from low to high"
            section.add("image", Picture(f"maps_{key}_{sample.name}.png", alt, data, beside=sample is mapped[0]))


def _umap_panels(key: str, results: Results, roads: Roads, seed: int) -> dict[str, Any]:
    """Samples whose joint embeddings come from the same weights share a panel."""
    joint = model_set(roads.models).joint
    panels: dict[str, list[Sample]] = {}
    for sample in results.samples:
        if sample.slide is not None and (key, "molecular", sample.name) in results.scored:
            fold = roads.folds.get(sample.patient)
            title = "weights as shipped" if fold is None else f"patient {sample.patient}, held out"
            panels.setdefault(title, []).append(sample)
    found = {}
    for title, samples in panels.items():
        x = np.concatenate([np.asarray(roads.slide(sample).adata.obsm["X_joint"]) for sample in samples])
        words = np.concatenate([sample.truths[key].words for sample in samples])
        found[f"{title} ({joint})"] = (embed_2d(x, seed), words)
    return found
