"""The front page over several benchmarks in one folder, put together from their results."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.benchmark.summary import MACRO
from tools.benchmark.tables import markdown
from tools.files import read_json, write_text

INTRO = """# Benchmark

Zero-shot annotation judged on labelled slides, and predicted expression on measured sections. Every number carries the
name of its definition, stands beside its floors, and says whether the weights had seen the patient. `config.yaml` and
`results.json` in each folder repeat it; `report.html` holds the maps of every class beside the truth.

- **chance**: random numbers. **colour statistics**: a logistic regression on fifteen colour numbers of a tile that was
  taught the labels of *other* patients; colour knows no words, so this floor is supervised, and a zero-shot model may
  lose to it. **marker-set mean**: mean of a class's known genes on the same predicted expression, no joint space.
- **measured expression** is an upper bound: what the joint space could do with perfect prediction. It is not
  SpotWhisperer.
"""
FLATTERED = (
    "> **Rows marked (seen in training) are no evidence**: these weights learned from the same patients. `--held-out` "
    "judges weights that did not.\n"
)


def write_overview(folder: Path, names: Sequence[str]) -> None:
    """`README.md` of a folder of reports: those of this run, then others that lie there."""
    known = [path.parent.name for path in sorted(folder.glob("*/results.json"))]
    parts = [INTRO]
    for name in dict.fromkeys([*names, *known]):
        found = read_json(folder / name / "results.json")
        if found:
            parts.append(_entry(name, found))
    if (folder / "guide.md").is_file():
        parts.insert(1, "How to run it on your own labels: [guide.md](guide.md).\n")
    write_text(folder / "README.md", "\n".join(parts))


def _entry(name: str, found: dict[str, Any]) -> str:
    facts = found["provenance"]
    held = f"held out: {', '.join(facts['held out'])}" if facts["held out"] else "weights as shipped"
    lines = [f"## [{name}]({name}/README.md)\n", f"{found['definition']}; {held}; `{facts['command']}`\n"]
    groups = list(dict.fromkeys(row["group"] for row in found["tables"]))
    rows = [
        [row["group"], row["scorer"] + (" (seen in training)" if row["seen_in_training"] else ""), _interval(row)]
        for group in groups
        for row in found["tables"]
        if row["group"] == group and row["column"] == MACRO
    ]
    if any(row["seen_in_training"] for row in [*found["tables"], *found["expression"]]):
        lines.append(FLATTERED)
    if rows:
        lines.append(markdown(["labels", "scorer", "macro AUROC (95% interval)"], rows) + "\n")
    if found["expression"]:
        header = ["sample", "predictor", "r, top 50", "r, all genes"]
        listed = [
            [row["sample"], row["predictor"] + (" (seen in training)" if row["seen_in_training"] else ""),
             f"{row.get('pearson_top_50', float('nan')):.3f}", f"{row['pearson_all']:.3f}"]
            for row in found["expression"]
        ]  # fmt: skip
        lines.append(markdown(header, listed) + "\n")
    return "\n".join(lines)


def _interval(row: dict[str, Any]) -> str:
    if row["auroc"] is None:
        return "–"
    low, high = row["low"], row["high"]
    return f"{row['auroc']:.3f}" + (f" ({low:.3f} to {high:.3f})" if low is not None else "")
