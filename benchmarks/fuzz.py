"""Fuzz our own parsers and readers: python -m benchmarks.fuzz [--cases 1500] [--seconds 5] [--out figures.json]

Each target gets `--cases` inputs made by hypothesis (structured) or by mutating a good file. A case survives when the
target answers or refuses with one of our sentences (SlideError, ToolError, ModelUnavailable) within `--seconds`;
anything else is a crash or a hang, printed with the input that caused it. Ends with 1 where there was one.
"""

import argparse
import json
import random
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import tifffile
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

from agent.calls_in_text import calls_in_text
from agent.chat_models import build
from agent.offline.plan import Focus
from agent.session import Session
from agent.toolbox import TOOLS
from agent.toolbox.running import run_tool
from settings import apply_environment
from tests.agent.conftest import Settings
from tests.synthetic import MPP, he_pixels, write_he_png
from tools.annotations import read_annotations
from tools.errors import ModelUnavailable, SlideError, ToolError
from tools.genes import gene_values
from tools.given_spots import read_spots
from tools.measured import open_measured
from tools.prepare import PrepareOptions, Runtime, prepare
from tools.prepared import PreparedSlide
from tools.slide import open_slide
from tools.spots import spot_grid
from tools.workspace import Workspace

SENTENCES = (SlideError, ToolError, ModelUnavailable)
WORDS = [
    "show",
    "where",
    "is",
    "the",
    "are",
    "T",
    "cells",
    "tumour",
    "epidermis",
    "fat",
    "minus",
    "versus",
    "genes",
    "of",
    "r1",
    "r2",
    "top",
    "5",
    "%",
    "um",
    "between",
    "and",
    "in",
    "which",
    "cluster",
    "compare",
    "export",
    "slide",
    "demo",
    "CD8A",
    "cd3d",
    "Ptprc",
    "KRT5",
    "distance",
    "from",
    "selection",
    "similar",
    "spots",
    "report",
    "as",
    "csv",
    ",",
    ";",
    ":",
    "?",
    "!",
    "(",
    ")",
]
NASTY = [
    "",
    " ",
    "\0",
    "\u202e",
    "🧬",
    "שלום",
    "مرحبا",
    "\n\n",
    "<script>",
    "../../etc/passwd",
    "%s%n",
    "NaN",
    "1e999",
    "-0",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
SPOKEN = st.lists(st.sampled_from(WORDS + NASTY) | st.text(max_size=8), max_size=25).map(" ".join)
LONG = st.tuples(st.text(min_size=1, max_size=5), st.integers(1, 20_000)).map(lambda pair: pair[0] * pair[1])


class HangError(BaseException):
    """A case took longer than it may."""


@dataclass
class Target:
    """What is fuzzed: `run` takes one input of `inputs`."""

    name: str
    inputs: st.SearchStrategy[Any]
    run: Callable[[Any], object]


@dataclass
class Bench:
    """What the targets need: a prepared slide, files of each kind, a scratch folder."""

    folder: Path
    workspace: Workspace
    slide: PreparedSlide

    def file(self, name: str, data: bytes) -> Path:
        """A file with these bytes."""
        path = self.folder / name
        path.write_bytes(data)
        return path


def make_bench(folder: Path) -> Bench:
    """The synthetic slide, prepared with the fake models."""
    workspace = Workspace(folder / "workspace")
    slide = prepare(workspace, str(write_he_png(folder / "tissue.png")), PrepareOptions(mpp=MPP, models="fake"))
    return Bench(folder, workspace, slide)


def mutated(good: bytes) -> st.SearchStrategy[bytes]:
    """A good file with some bytes changed, a piece removed or doubled, or cut off."""

    def mutate(number: int) -> bytes:
        rng, data = random.Random(number), bytearray(good)
        for _ in range(rng.choice([1, 1, 2, 8, 64])):
            at = rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(min(512, len(data)))
            kind = rng.random()
            if kind < 0.6:
                data[at] = rng.choice([0, 255, 1, 127, 128, rng.randrange(256)])
            elif kind < 0.75:
                del data[at : at + rng.randrange(1, 64)]
            elif kind < 0.9:
                data[at:at] = rng.randbytes(rng.randrange(1, 16))
            else:
                del data[at:]
            if len(data) < 2:
                break
        return bytes(data)

    return st.integers(0, 2**63).map(mutate)


def targets(bench: Bench) -> Iterator[Target]:
    """Every target."""
    yield from _talk(bench)
    yield from _tables(bench)
    yield from _slides(bench)
    yield from _states(bench)


def _talk(bench: Bench) -> Iterator[Target]:
    planner = build(Settings()).planner  # type: ignore[attr-defined]
    some = st.tuples(st.text(min_size=1, max_size=5), st.integers(1, 400)).map(lambda pair: pair[0] * pair[1])
    yield Target("planner and grammar", SPOKEN | SPOKEN | some | st.text(), lambda text: planner.plan(text, Focus()))
    names = frozenset(tool.name for tool in TOOLS)
    calls = st.dictionaries(st.sampled_from(["name", "arguments", "args", "parameters", "x"]), JSON, max_size=4)
    wrapped = st.tuples(st.sampled_from(["", "```json", "<tool_call>", "[TOOL_CALLS]"]), calls | JSON).map(
        lambda pair: pair[0] + json.dumps(pair[1])
    )
    deep = st.integers(1, 30_000).map(lambda n: "[" * n) | st.integers(4000, 9000).map(lambda n: '{"a":' + "9" * n)
    yield Target("calls in text", wrapped | SPOKEN | deep, lambda text: calls_in_text(text, names))
    yield Target("query to scores", SPOKEN | LONG | st.text(), bench.slide.text_scores)
    genes = st.sampled_from([str(gene) for gene in bench.slide.adata.var_names])
    wild = genes.map(str.lower) | genes.map(str.capitalize) | genes | st.text(max_size=30) | st.sampled_from(NASTY)
    yield Target("gene names", wild, lambda name: gene_values(bench.slide.adata, name))

    def call(case: tuple[str, dict[str, Any]]) -> object:
        session = Session(bench.workspace, slide=bench.slide, opened=bench.slide.name, runtime=Runtime())
        return run_tool(session, *case)

    reading = [
        tool for tool in TOOLS if tool.name not in ("export_result", "infer_expression", "tile_slide", "open_slide")
    ]
    fields = sorted({name for tool in reading for name in tool.tool_call_schema.model_json_schema()["properties"]})  # type: ignore[union-attr]
    arguments = st.dictionaries(
        st.sampled_from(fields), JSON | SPOKEN | st.sampled_from(["r1", "selection", "KRT5"]), max_size=4
    )
    cases = st.tuples(st.sampled_from([tool.name for tool in reading]), arguments)
    yield Target("tool arguments", cases, call)


def _tables(bench: Bench) -> Iterator[Target]:
    slide = open_slide(bench.slide.path, MPP)
    places = zip(bench.slide.spots.ids, bench.slide.spots.l0_xy.tolist(), strict=True)
    good = "spot,x,y\n" + "\n".join(f"{name},{x:.1f},{y:.1f}" for name, (x, y) in places)
    cell = st.text(max_size=6) | st.floats().map(str) | st.integers().map(str) | st.sampled_from(NASTY)
    grid = st.lists(st.lists(cell, max_size=5), max_size=12)
    table = st.tuples(st.sampled_from([",", ";", "\t", "|"]), grid, st.booleans()).map(
        lambda t: (
            ("spot,x,y\n".replace(",", t[0]) if t[2] else "") + "\n".join(t[0].join(row) for row in t[1])
        ).encode()
    )
    read = lambda name: lambda data: read_spots(bench.file(name, data), slide)  # noqa: E731
    yield Target("spots of a CSV", table | mutated(good.encode()) | st.binary(max_size=300), read("spots.csv"))
    x = np.random.default_rng(0).poisson(2, (20, 60)).astype(np.float32)
    var = pd.DataFrame(index=[str(gene) for gene in bench.slide.adata.var_names])
    data = anndata.AnnData(x, pd.DataFrame(index=[f"s{i}" for i in range(20)]), var)
    data.obsm["spatial"] = bench.slide.spots.l0_xy[:20]
    data.write_h5ad(bench.folder / "good.h5ad")
    h5ad = mutated((bench.folder / "good.h5ad").read_bytes())
    yield Target("spots of an h5ad", h5ad, read("spots.h5ad"))
    yield Target("counts of an h5ad", h5ad, lambda data: open_measured(bench.file("counts.h5ad", data), "fake"))
    numbers = st.lists(st.lists(st.floats() | st.integers(), max_size=4), max_size=6)
    geometry = (
        st.fixed_dictionaries({"type": st.sampled_from(["Polygon", "MultiPolygon", "Point", "GeometryCollection"])})
        | JSON
    )
    feature = st.fixed_dictionaries(
        {"type": st.just("Feature"), "properties": JSON, "geometry": geometry | st.builds(
            lambda rings, kind: {"type": kind, "coordinates": rings},
            st.lists(numbers, max_size=3), st.sampled_from(["Polygon", "MultiPolygon"]))}
    )  # fmt: skip
    geojson = (feature | JSON | st.lists(feature, max_size=3)).map(lambda value: json.dumps(value).encode())
    ids = st.sampled_from(bench.slide.spots.ids) | st.text(max_size=5)
    labels = st.lists(st.tuples(ids, st.text(max_size=9)).map(",".join), max_size=9).map(lambda rows: "\n".join(rows))
    texts = geojson | labels.map(str.encode) | st.binary(max_size=200)
    yield Target("annotations", texts, lambda text: read_annotations(text, bench.slide.spots))


def _slides(bench: Bench) -> Iterator[Target]:
    small = he_pixels()[::4, ::4]
    words = "Aperio Image Library v11 \r\n300x200|AppMag = 20|MPP = 0.5"
    tifffile.imwrite(bench.folder / "g.svs", small, photometric="rgb", tile=(64, 64), description=words, metadata=None)
    tifffile.imwrite(bench.folder / "g.tif", small, photometric="rgb", compression="zlib")
    Image.fromarray(small).save(bench.folder / "g.png")
    Image.fromarray(small).save(bench.folder / "g.jpg")

    def look(kind: str) -> Callable[[bytes], object]:
        def run(data: bytes) -> object:
            slide = open_slide(bench.file(f"mutated.{kind}", data), 4.0)
            slide.read_square(slide.width / 2, slide.height / 2, 55.0, 32)
            return spot_grid(slide)

        return run

    for kind in ("svs", "tif", "png", "jpg"):
        yield Target(f"mutated {kind}", mutated((bench.folder / f"g.{kind}").read_bytes()), look(kind))


def _states(bench: Bench) -> Iterator[Target]:
    folder = bench.workspace.folder("tissue")
    kept = {name: (folder / name).read_bytes() for name in ("slide.json", "recipes.json", "checksums.json")}

    def run(case: tuple[str, bytes]) -> object:
        name, data = case
        (folder / name).write_bytes(data)
        try:
            return [bench.workspace.slides(), bench.workspace.find(str(bench.slide.path))]
        finally:
            (folder / name).write_bytes(kept[name])

    wild = JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=100)
    cases = [st.tuples(st.just(name), mutated(data) | wild) for name, data in kept.items()]
    yield Target("state of a slide", st.one_of(cases), run)


def fuzz(target: Target, cases: int, seconds: float, number: int) -> dict[str, Any]:
    """Run one target; counts and the inputs that broke it."""
    broken: dict[str, list[str]] = {"crashes": [], "hangs": []}
    told = [0, 0]  # cases, refused with a sentence

    def alarm(_signal: int, _frame: object) -> None:
        raise HangError

    @seed(number)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def one(case: Any) -> None:
        told[0] += 1
        signal.signal(signal.SIGALRM, alarm)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            with warnings.catch_warnings(action="ignore"):
                target.run(case)
        except SENTENCES:
            told[1] += 1
        except HangError:
            broken["hangs"].append(repr(case)[:300])
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            broken["crashes"].append(f"{type(error).__name__}: {str(error)[:160]} <- {repr(case)[:300]}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    began = time.monotonic()
    one()
    row = {"target": target.name, "cases": told[0], "refused": told[1], "s": round(time.monotonic() - began, 1)}
    return row | {kind: len(found) for kind, found in broken.items()} | {"broken": broken}


def tell(line: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Every target, a line each; 1 where something broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1500, help="per target")
    parser.add_argument("--seconds", type=float, default=5.0, help="that a case may take")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="part of a target's name")
    parser.add_argument("--skip", default="-", help="part of the name of a target that is left out")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    apply_environment()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for target in targets(make_bench(Path(folder))):
            if asked.only not in target.name or asked.skip in target.name:
                continue
            row = fuzz(target, asked.cases, asked.seconds, asked.seed)
            rows.append(row)
            tell(
                "{target:20} {cases:6} cases {refused:6} refused {crashes:4} crashes {hangs:4} hangs {s:6} s".format(
                    **row
                )
            )
            for found in [*row["broken"]["crashes"][:4], *row["broken"]["hangs"][:2]]:
                tell(f"    {found}")
    total = {key: sum(row[key] for row in rows) for key in ("cases", "refused", "crashes", "hangs")}
    tell("{cases} cases, {refused} refused, {crashes} crashes, {hangs} hangs".format(**total))
    if asked.out:
        asked.out.write_text(json.dumps({"total": total, "targets": rows}, indent=1) + "\n")
    return int(total["crashes"] + total["hangs"] > 0)


if __name__ == "__main__":
    sys.exit(main())
