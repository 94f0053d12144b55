"""What the benchmarks of one slide share: alternating runs, the machine in words, a table, JSON."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from tools.spots import Spots

ROOT = Path(__file__).parent.parent


def alternate(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, dict[str, float]]:
    """Median `wall` and `cpu` seconds (all threads of this process) of each way, one after the other in turn."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            runs[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: {"wall": median(wall for wall, _ in seen), "cpu": median(cpu for _, cpu in seen)}
        for name, seen in runs.items()
    }


def first(spots: Spots, n: int) -> Spots:
    """At most `n` spots of the grid's middle, whole rows of it."""
    start = max(0, (len(spots) - n) // 2)
    part = slice(start, start + n)
    return replace(
        spots,
        ids=spots.ids[part],
        l0_xy=spots.l0_xy[part],
        array_row=spots.array_row[part],
        array_col=spots.array_col[part],
    )


def machine() -> str:
    """Processor, cores, how busy it is."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def parser(text: str | None) -> argparse.ArgumentParser:
    """With what every benchmark takes."""
    made = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", type=Path, dest="out", metavar="OUT", help="write the figures here")
    return made


def table(title: str, heads: list[str], rows: list[list[Any]]) -> None:
    """Print columns."""
    cells = [heads, *([f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    sys.stdout.write("\n".join([f"\n{title}", *lines]) + "\n")
    sys.stdout.flush()


def finish(found: dict[str, Any], out: Path | None) -> None:
    """Name the machine, and write JSON where asked."""
    found = {"machine": machine(), **found}
    sys.stdout.write(f"\n{found['machine']}\n")
    if out:
        out.write_text(json.dumps(found, indent=1) + "\n")
