"""The report of one benchmark: reading, tables, figures, maps, what it takes to repeat it."""

import json
from collections.abc import Sequence

from tools.benchmark import tables
from tools.benchmark.config import Config
from tools.benchmark.evaluate import Judged
from tools.benchmark.pictures import MOST_MAPS, add_pictures, intervals
from tools.benchmark.reading import read_group, read_quality
from tools.benchmark.report import Document, Section
from tools.benchmark.results import Results
from tools.benchmark.roads import Roads
from tools.benchmark.samples import Sample


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
    section.add("image", intervals(key, primary, config))
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
    add_pictures(section, key, primary, results, roads, seed)
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


def _left_out(key: str, samples: Sequence[Sample]) -> str:
    total: dict[str, int] = {}
    for sample in samples:
        for word, n in (sample.truths[key].left_out if key in sample.truths else {}).items():
            total[word] = total.get(word, 0) + n
    return f"Left out: {', '.join(f'{word} {n}' for word, n in total.items())}." if total else "Nothing was left out."


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
