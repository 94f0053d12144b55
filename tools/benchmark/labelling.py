"""Labels of cell types as CSV, with what they rest on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.benchmark.cell_type_labels import label_spots, read_reference
from tools.benchmark.config import read_mapping
from tools.benchmark.labels import dominant_class, read_table
from tools.errors import ToolError
from tools.files import atomic


def label_by_proportions(table: Path, classes: Path | None, out: Path) -> dict[str, Any]:
    """Dominant class of a table of proportions as CSV (barcode, label); counts as plain types."""
    if not table.is_file():
        raise ToolError(f"There is no file {table}.")
    proportions = read_table(table, None)
    named = read_mapping(classes) if classes is not None else {str(name): [str(name)] for name in proportions.columns}
    labels = dominant_class(proportions, named, table.name).dropna()
    with atomic(out) as part:
        labels.rename("label").rename_axis("barcode").to_csv(part)
    return {"spots": len(labels), "labels": dict(Counter(map(str, labels))), "from": "proportions"}


@dataclass(frozen=True)
class Teaching:
    """How a reference teaches: the obs column of its types, a file that groups them, genes (None: all), cells."""

    reference: Path
    column: str
    classes: Path | None = None
    genes: Sequence[str] | None = None
    cells: int = 2000
    seed: int = 0


def label_by_reference(measured: Path, teaching: Teaching, out: Path) -> dict[str, Any]:
    """Labels by logistic regression as CSV (barcode, label, probabilities); what they rest on as plain types."""
    for path in (teaching.reference, measured):
        if not path.is_file():
            raise ToolError(f"There is no file {path}.")
    groups = read_mapping(teaching.classes) if teaching.classes is not None else {}
    taught = read_reference(teaching.reference, teaching.column, groups, teaching.cells, teaching.seed)
    found = label_spots(taught, measured, teaching.genes)
    with atomic(out) as part:
        found.table.to_csv(part, float_format="%.4f")
    return {
        "spots": len(found.table), "labels": dict(Counter(found.table["label"])), "from": "logistic regression",
        "genes": found.genes, "reference cells": found.cells, "accuracy": found.accuracy,
    }  # fmt: skip
