"""Results as Markdown in the paper's form, and as rows for CSV and JSON."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tools.benchmark.config import Config
from tools.benchmark.evaluate import Judged
from tools.benchmark.expression_quality import Quality
from tools.benchmark.metrics import Mean, mean_sem
from tools.benchmark.patches import PatchRow
from tools.benchmark.summary import MACRO, WEIGHTED, Difference, Summary, summaries

Row = dict[str, Any]
SEEN = " (seen in training)"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def number(value: float, digits: int = 3) -> str:
    """A number for a table; what is not defined is a dash."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def cell(mean: Mean) -> str:
    """Mean (SEM), as the paper prints it."""
    return number(mean.mean) if math.isnan(mean.sem) else f"{number(mean.mean)} ({number(mean.sem)})"


def named(judged: Judged) -> str:
    """The scorer, marked where any of its units taught the weights."""
    return judged.scorer + (SEEN if judged.seen.any() else "")


def paper_table(judged: Sequence[Judged], config: Config) -> str:
    """Tables 1 and 2: scorers by classes, AUROC as mean (SEM), overall weighted by support, macro."""
    rows = []
    for part in judged:
        rows.append([f"**{named(part)}**" if part.role == "model" else named(part)])
        rows[-1] += [cell(column.mean) for column in summaries(part, config) if _shown(column, config)]
    columns = [column for column in summaries(judged[0], config) if _shown(column, config)]
    rows.append(["judged in so many", *(str(column.mean.n) for column in columns)])
    return markdown(["AUROC, mean (SEM)", *(column.column for column in columns)], rows)


def _shown(column: Summary, config: Config) -> bool:
    return config.definition == "spots" or column.column != WEIGHTED


def support_table(judged: Judged) -> str:
    """Spots of every class in every unit; at most twenty units."""
    rows = [
        [unit.name, unit.patient, *(f"{int(n)}" for n in judged.support[i]), str(len(unit.rows))]
        for i, unit in enumerate(judged.units)
    ]
    total = ["all", "", *(f"{int(n)}" for n in judged.support.sum(axis=0)), str(sum(len(u.rows) for u in judged.units))]
    return markdown(["", "patient", *judged.classes, "spots"], [*rows[:20], total])


def unit_table(judged: Sequence[Judged]) -> str:
    """AUROC overall weighted, macro and accuracy of every scorer in every unit."""
    units = list(dict.fromkeys(unit.name for part in judged for unit in part.units))
    rows = []
    for part in judged:
        at = {unit.name: i for i, unit in enumerate(part.units)}
        values = [
            f"{number(part.weighted[at[name]])} / {number(part.macro[at[name]])} / {number(part.accuracy[at[name]])}"
            + (" †" if part.seen[at[name]] else "")
            if name in at
            else "–"
            for name in units
        ]
        rows.append([part.scorer, *values])
    return markdown(["weighted / macro AUROC / accuracy", *units], rows)


def difference_table(found: Sequence[Difference]) -> str:
    """Macro AUROC, first minus second."""
    rows = [
        [d.first, d.second, f"{d.mean:+.3f}", f"{d.low:+.3f} to {d.high:+.3f}", f"{d.sign.above} : {d.sign.below}",
         f"{d.sign.p:.3f}"]
        for d in found
        if d.column == MACRO and not math.isnan(d.mean)
    ]  # fmt: skip
    return markdown(["first", "second", "macro AUROC", "95% interval", "above : below", "sign test p"], rows)


def kind_table(judged: Sequence[Judged], config: Config) -> str:
    """Macro and weighted AUROC of the models in every kind of score."""
    rows = []
    for part in judged:
        if part.role != "floor":
            by_name = {column.column: column.mean for column in summaries(part, config)}
            rows.append([part.scorer, part.kind, cell(by_name[WEIGHTED]), cell(by_name[MACRO])])
    return markdown(["scorer", "kind of score", WEIGHTED, MACRO], rows)


def patch_markdown(rows: Sequence[PatchRow]) -> str:
    """Table 5: accuracy in percent by sample and patch size."""
    models = list(dict.fromkeys(row.model for row in rows))
    value = {(row.sample, row.patch_px, row.model): row for row in rows}
    lines = []
    for patch_px in dict.fromkeys(row.patch_px for row in rows):
        for sample in dict.fromkeys(row.sample for row in rows):
            found = [value.get((sample, patch_px, model)) for model in models]
            n = max((row.n for row in found if row), default=0)
            lines.append([sample, str(patch_px), str(n), *(number(row.accuracy, 2) if row else "–" for row in found)])
        means = [
            number(mean_sem([row.accuracy for row in rows if (row.patch_px, row.model) == (patch_px, model)]).mean, 2)
            for model in models
        ]
        lines.append(["mean", str(patch_px), "", *means])
    return markdown(["accuracy (%)", "patch px", "spots", *models], lines)


def quality_table(found: Sequence[Quality]) -> str:
    """Mean Pearson r by number of top genes."""
    names = list(dict.fromkeys(name for part in found for name in part.top))
    header = ["sample", "predictor", *(f"top {name}" if name != "all" else "all genes" for name in names)]
    rows = [
        [part.sample, part.predictor + (SEEN if part.seen else ""), *(number(part.top[name]) for name in names)]
        for part in found
    ]
    patients = list(dict.fromkeys(part.patient for part in found))
    if len(patients) > 1:
        for predictor in dict.fromkeys(part.predictor for part in found):
            values = []
            for name in names:
                each = [
                    mean_sem([q.top[name] for q in found if (q.predictor, q.patient) == (predictor, patient)]).mean
                    for patient in patients
                ]
                values.append(cell(mean_sem(each)))
            rows.append(["**mean of patients**", predictor, *values])
    return markdown(header, rows)


def class_rows(judged: Sequence[Judged], config: Config) -> list[Row]:
    """A row per scorer, kind, unit and class."""
    return [
        {
            "definition": definition(config), "group": part.group, "scorer": part.scorer, "role": part.role,
            "kind": part.kind, "unit": unit.name, "patient": unit.patient, "class": name, "n": len(unit.rows),
            "positives": int(part.support[i, j]), "auroc": part.auroc[i, j], "average_precision": part.precision[i, j],
            "seen_in_training": bool(part.seen[i]),
        }
        for part in judged
        for i, unit in enumerate(part.units)
        for j, name in enumerate(part.classes)
    ]  # fmt: skip


def summary_rows(judged: Sequence[Judged], config: Config) -> list[Row]:
    """A row per scorer, kind and column of the paper's table."""
    return [
        {
            "definition": definition(config), "group": part.group, "scorer": part.scorer, "role": part.role,
            "kind": part.kind, "column": column.column, "auroc": column.mean.mean, "sem": column.mean.sem,
            "n": column.mean.n, "low": column.low, "high": column.high, "seen_in_training": bool(part.seen.any()),
        }
        for part in judged
        for column in summaries(part, config)
    ]  # fmt: skip


def definition(config: Config) -> str:
    """The name of the definition that every number carries."""
    return "SpotWhisperer, spots" if config.definition == "spots" else "SpatialWhisperer, presence"


def flat(found: Sequence[Difference]) -> list[Row]:
    """Differences as rows."""
    return [
        {"group": d.group, "first": d.first, "second": d.second, "column": d.column, "difference": d.mean,
         "low": d.low, "high": d.high, "above": d.sign.above, "below": d.sign.below, "p": d.sign.p}
        for d in found
    ]  # fmt: skip


def quality_rows(found: Sequence[Quality]) -> list[Row]:
    """Expression quality as rows, without the genes."""
    return [
        {"sample": part.sample, "patient": part.patient, "predictor": part.predictor, "seen_in_training": part.seen,
         "spots": part.spots, "genes_ranked_by": part.ranked_by, "genes": len(part.per_gene),
         **{f"pearson_top_{name}" if name != "all" else "pearson_all": value for name, value in part.top.items()}}
        for part in found
    ]  # fmt: skip


def plain(value: Any) -> Any:
    """JSON types; what is not a number becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
