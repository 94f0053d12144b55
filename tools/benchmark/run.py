"""A benchmark from its configuration to a folder of results."""

import csv
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tools.benchmark import tables
from tools.benchmark.config import Config, as_yaml, read_config
from tools.benchmark.document import document
from tools.benchmark.evaluate import judge_all, score_all
from tools.benchmark.expression_quality import expression_quality
from tools.benchmark.floors import Chance, Colour, Markers, tile_um
from tools.benchmark.patches import patch_table
from tools.benchmark.provenance import Repeat, provenance
from tools.benchmark.report import Picture, to_html, to_markdown
from tools.benchmark.results import Results
from tools.benchmark.roads import Roads
from tools.benchmark.samples import Sample, read_samples
from tools.benchmark.scored import Scorer
from tools.benchmark.scorers import Fused, Given, ImageText, Measured, Molecular
from tools.benchmark.summary import all_differences
from tools.files import atomic, write_json, write_text


@dataclass(frozen=True)
class Place:
    """Where a benchmark finds its data and puts its results."""

    data: Path
    work: Path
    out: Path


def run(config: Config, place: Place, roads: Roads, repeat: Repeat) -> dict[str, Any]:
    """Evaluate and write `place.out/<name>`; what was written, as plain JSON types."""
    started = time.monotonic()
    roads = replace(roads, trained_on=config.trained_on)
    samples = read_samples(config, place.data, place.work)
    scorers = scorers_of(config, samples, roads, repeat.seed, place.data / config.root)
    scored = score_all(config, samples, scorers)
    judged = judge_all(config, samples, scorers, scored, repeat.draws, repeat.seed)
    cards = [card for card in roads.image_text_cards() if not card.missing(roads.models_dir)]
    results = Results(
        config, samples, judged, scored, all_differences(judged, config),
        expression_quality(samples, teachers_of(config, samples, place), roads),
        patch_table(config, samples, roads, cards) if config.groups else [],
        [card.name for card in roads.image_text_cards() if card.missing(roads.models_dir)],
        provenance(repeat, roads, samples, time.monotonic() - started),
    )  # fmt: skip
    return _write(results, roads, place.out / config.name, repeat.seed)


def teachers_of(config: Config, samples: Sequence[Sample], place: Place) -> list[Sample]:
    """Samples that teach the expression floors: those of the benchmark that is named, or its own."""
    if config.learn_from is None:
        return list(samples)
    other = read_config(config.learn_from)
    return read_samples(other, place.data, place.work) if (place.data / other.root).is_dir() else []


def scorers_of(config: Config, samples: Sequence[Sample], roads: Roads, seed: int, root: Path) -> list[Scorer]:
    """The scorers that a config asks for, models first, floors last."""
    wanted = set(config.scorers)
    molecular = Molecular(roads)
    here = [card for card in roads.image_text_cards() if not card.missing(roads.models_dir)]
    image_text = [ImageText(roads, card, ensemble=config.prompt_ensemble) for card in here]
    found: list[Scorer] = [molecular] if "molecular" in wanted else []
    found += image_text if "image-text" in wanted else []
    found += [Fused(molecular, other) for other in image_text] if "fused" in wanted else []
    found += [Given(name, pattern, root) for name, pattern in config.given_scores.items()]
    if "measured" in wanted:
        found += [Measured(roads), Markers(roads, measured=True)]
    found += [Markers(roads)] if "markers" in wanted else []
    found += [Colour(samples, tile_um(roads.models))] if "colour" in wanted else []
    found += [Chance(seed)] if "chance" in wanted else []
    return found


def _write(results: Results, roads: Roads, folder: Path, seed: int) -> dict[str, Any]:
    made = document(results, roads, seed)
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.png"):
        stale.unlink()
    for section in made.sections:
        for block in section.blocks:
            if isinstance(block.value, Picture) and block.value.beside:
                with atomic(folder / block.value.name) as part:
                    part.write_bytes(block.value.data)
    write_text(folder / "README.md", to_markdown(made))
    write_text(folder / "report.html", to_html(made))
    write_text(folder / "config.yaml", as_yaml(results.config))
    rows: dict[str, list[tables.Row]] = {
        "tables": tables.summary_rows(results.judged, results.config),
        "classes": tables.class_rows(results.judged, results.config),
        "differences": tables.flat(results.differences),
        "expression": tables.quality_rows(results.quality),
        "patches": [vars(row) for row in results.patches],
    }
    for name, listed in rows.items():
        write_csv(folder / f"{name}.csv", listed)
    value = {
        "name": results.config.name,
        "definition": tables.definition(results.config),
        "folder": str(folder),
        "tables": [row for row in rows["tables"] if _primary(results, row)],
        "expression": rows["expression"],
        "patches": rows["patches"],
        "not run": results.not_run,
        "provenance": results.provenance,
    }
    write_json(folder / "results.json", tables.plain({key: item for key, item in value.items() if key != "folder"}))
    plain: dict[str, Any] = tables.plain(value)
    return plain


def _primary(results: Results, row: tables.Row) -> bool:
    return any(
        part.primary and (part.group, part.scorer, part.kind) == (row["group"], row["scorer"], row["kind"])
        for part in results.judged
    )


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as CSV, numbers to four digits; no rows, no file."""
    path.unlink(missing_ok=True)
    if not rows:
        return
    with atomic(path) as part, part.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({key: _short(value) for key, value in row.items()})


def _short(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return "" if value != value else f"{value:.4f}"
    return json.dumps(value) if isinstance(value, bool) else value
