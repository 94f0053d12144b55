"""The report of one benchmark: reading, tables, figures, maps, what it takes to repeat it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.registry import model_set
from tools.benchmark import tables
from tools.benchmark.config import Config
from tools.benchmark.evaluate import Judged, ScoredBy
from tools.benchmark.expression_quality import Quality
from tools.benchmark.figures import confusion_png, intervals_png, maps_png, umap_png
from tools.benchmark.patches import PatchRow
from tools.benchmark.reading import read_group, read_quality
from tools.benchmark.report import Document, Picture, Section
from tools.benchmark.roads import Roads
from tools.benchmark.samples import Sample
from tools.benchmark.summary import Difference, summaries
from tools.umap import embed_2d

MOST_MAPS = 12  # samples whose maps the report holds
NOT_MAPPED = "chance"
MAPS = "Every class beside the label; the other samples are in report.html."


@dataclass(frozen=True)
class Results:
    """Everything that one run found."""

    config: Config
    samples: Sequence[Sample]
    judged: Sequence[Judged]
    scored: ScoredBy
    differences: Sequence[Difference]
    quality: Sequence[Quality]
    patches: Sequence[PatchRow]
    not_run: Sequence[str]
    provenance: dict[str, Any]


def document(results: Results, roads: Roads, seed: int) -> Document:
    """The report before it has a form."""
    config = results.config
    held = ", ".join(
        f"{test} (from {' and '.join(f.train)})" for test, f in roads.folds.items() if _used(results, test)
    )
    lead = (
        f"Definition: **{tables.definition(config)}**. Data: {config.source or 'given by the user'}. "
        f"Samples: {len(results.samples)}, patients: {len({s.patient for s in results.samples})}. "
        + (f"Weights that had not seen the patient: {held}." if held else "Weights: as shipped.")
    )
    caveats = list(config.notes)
    caveats += [f"Not run, because its weights are not here: {', '.join(results.not_run)}."] if results.not_run else []
    if any(fold.stale for fold in roads.folds.values()):
        caveats.append(
            "The training code has changed since the held-out weights were made; `--retrain` makes new ones."
        )
    sections = [_group_section(key, results, roads, seed) for key in config.groups]
    if results.quality:
        sections.append(_quality_section(results))
    if results.patches:
        section = Section("Patch size (Table 5)")
        section.add(
            "text", "Accuracy of the highest softmax in percent. Labels of a patch are the majority of its spots."
        )
        section.add("table", tables.patch_markdown(results.patches))
        sections.append(section)
    sections.append(_repeat_section(results))
    return Document(config.title, lead, caveats, sections)


def _used(results: Results, patient: str) -> bool:
    return any(sample.patient == patient for sample in results.samples)


def _group_section(key: str, results: Results, roads: Roads, seed: int) -> Section:
    config, group = results.config, results.config.groups[key]
    judged = [part for part in results.judged if part.group == key]
    primary = [part for part in judged if part.primary]
    section = Section(group.title)
    section.add("caveat", group.caveat)
    section.add("heading", "Reading")
    section.add("list", read_group(judged, config))
    section.add("heading", "AUROC, one class against the rest")
    section.add("text", _how(config, primary[0]))
    section.add("table", tables.paper_table(primary, config))
    section.add("image", _intervals(key, primary, config))
    section.add("text", "Queries: " + "; ".join(f"{label} = `{query}`" for label, query in group.queries.items()) + ".")
    section.add("heading", "Paired differences")
    section.add("text", "Bootstrap interval of the mean difference, and how many units lie above and below zero.")
    section.add("table", tables.difference_table([d for d in results.differences if d.group == key]))
    section.add("heading", "Kinds of score")
    section.add("table", tables.kind_table(judged, config))
    section.add("heading", "Support")
    section.add("table", tables.support_table(primary[0]))
    section.add("text", _left_out(key, results.samples))
    if len(primary[0].units) <= MOST_MAPS:
        section.add("heading", "By sample")
        section.add("table", tables.unit_table(primary))
        section.add(
            "text", "† weights that were trained on this patient." if any(p.seen.any() for p in primary) else ""
        )
    _pictures(section, key, primary, results, roads, seed)
    return section


def _how(config: Config, first: Judged) -> str:
    if config.definition == "presence":
        return (
            "A tile is positive where it holds at least one cell of the class; raw scores; one AUROC per image and "
            "class, mean (SEM) over images, then the mean of the classes. Images where a class is everywhere or "
            f"nowhere are left out for it. {len(first.units)} images."
        )
    over = f"mean (SEM, ddof 1) over {config.average_over}"
    least = f" A class with fewer than {config.least} spots in a sample is left out there." if config.least > 1 else ""
    return (
        f"Score: {first.kind} over the queries of the group at the model's own scale; {over}. Overall is weighted by "
        f"support. Intervals: bootstrap of blocks of tissue, so that neighbours stay together.{least}"
    )


def _intervals(key: str, primary: Sequence[Judged], config: Config) -> Picture:
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


def _left_out(key: str, samples: Sequence[Sample]) -> str:
    total: dict[str, int] = {}
    for sample in samples:
        for word, n in (sample.truths[key].left_out if key in sample.truths else {}).items():
            total[word] = total.get(word, 0) + n
    return f"Left out: {', '.join(f'{word} {n}' for word, n in total.items())}." if total else "Nothing was left out."


def _pictures(
    section: Section, key: str, primary: Sequence[Judged], results: Results, roads: Roads, seed: int
) -> None:  # fmt: skip
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


def _quality_section(results: Results) -> Section:
    section = Section("Expression: predicted against measured")
    section.add("heading", "Reading")
    section.add("list", read_quality(results.quality))
    by = results.quality[0].ranked_by
    section.add(
        "text",
        f"Pearson r of every gene over the spots of a sample, mean over the most variable genes (ranked by {by}). A "
        "gene that is constant counts 0. The ridges learn from the measured samples of the other patients; the mean of "
        "the training samples is a constant.",
    )
    section.add("table", tables.quality_table(results.quality))
    return section


def _repeat_section(results: Results) -> Section:
    section = Section("To repeat it")
    facts = results.provenance
    machine = facts["machine"]
    section.add("code", facts["command"])
    section.add(
        "text",
        f"{facts['seconds']} s for scoring and judging ({machine['processor cores']} cores, load "
        f"{machine['load over the last 15 minutes']}; prepared slides are kept and not made again). Seed "
        f"{facts['seed']}, {facts['bootstrap draws']} bootstrap draws, code {facts['code']}, {facts['date']}. The "
        "configuration is in config.yaml, all numbers in the CSV files and results.json.",
    )
    kept = {name: facts[name] for name in ("versions", "models", "held out", "data")}
    section.add("code", json.dumps(tables.plain(kept), indent=1))
    return section
