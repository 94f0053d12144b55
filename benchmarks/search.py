"""Searching: text over a million spots, exact and in Chroma (embedded, server), beside plain numpy; one heat map.

`python -m benchmarks.search [--spots 1000000] [--folder FOLDER] [--workspace WORKSPACE] [--heat 50000] [--json OUT]`

Spots are like real ones: rows of the slides that WORKSPACE holds (the demo slide is enough), each moved along the
difference of two others of its slide and a little aside, a thousand spots a slide. Queries are phrases, as the joint
model encodes them: their vectors lie far from every spot's, which is hard for a graph; and spots, which is easy.
Reference: scores of all spots by one numpy product in memory, and its best k. FOLDER keeps vectors and index, so that a
million, which takes 20 minutes to index on two cores, is built once; a run that was stopped goes on there.
"""

import multiprocessing
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd

from benchmarks.measuring import finish, parser, table
from models.protocols import F32
from models.registry import load
from settings import Settings, apply_environment
from tools.embedded import Embedded, Fused
from tools.index import SpotIndex
from tools.workspace import Workspace

JOINT, SEEN = "starter-joint", "starter-image-text"
A_SLIDE, TOP = 1000, 100
ASIDE = 0.5  # length of the random part beside a unit vector
PHRASES = (
    *("T cells", "B cells", "plasma cells", "macrophages", "epidermis", "hair follicle", "fat", "collagen"),
    *("smooth muscle", "nerve", "tumour", "necrosis", "hypoxia", "blood vessels", "tertiary lymphoid structure"),
    *("proliferating cells", "mucus", "glands", "interferon response", "KRT5"),
)


def main() -> None:
    """Build what is missing, measure each way in a process of its own, print ratios to numpy."""
    made = parser(__doc__)
    made.add_argument("--spots", type=int, default=1_000_000)
    made.add_argument("--folder", type=Path)
    made.add_argument("--workspace", type=Path, default=Settings().workspace)
    made.add_argument("--heat", type=int, default=50_000)
    given = made.parse_args()
    apply_environment()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (given.folder or Path(scratch)) / f"{given.spots}"
        folder.mkdir(parents=True, exist_ok=True)
        built = build(folder, given.workspace, given.spots)
        alone = multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1)
        with alone:
            found = {name: alone.apply(way, (folder,)) for name, way in WAYS.items()}
            found["heat map"] = alone.apply(heat_map, (folder, given.heat))
    reference = found["numpy"]
    rows = [
        [name, kind, *(way[kind][key] for key in ("p50", "p95")), way[kind]["p50"] / reference[kind]["p50"],
         way[kind]["recall@10"], way[kind]["recall@100"], way["first"], way["gb"]]
        for name, way in found.items() if name != "heat map" for kind in ("text", "spot")
    ]  # fmt: skip
    heads = ["way", "query", "p50 ms", "p95 ms", "ratio", "recall@10", "recall@100", "first query s", "GB"]
    table(f"{given.spots:,} spots, top {TOP}", heads, rows)
    heat = found["heat map"]
    table(f"heat map of {given.heat:,} spots, text embedded", ["part", "ms", "ratio"], [*map(list, heat["rows"])])
    finish({"spots": given.spots, "build": built} | found, given.out)


def spots_like(bank: list[F32], slide: int) -> F32:
    """(A_SLIDE, d) unit rows of one made-up slide."""
    rng, rows = np.random.default_rng(slide), bank[slide % len(bank)]
    base, a, b = (rows[rng.integers(len(rows), size=A_SLIDE)] for _ in range(3))
    aside = rng.normal(0, ASIDE / np.sqrt(rows.shape[1]), base.shape)
    moved = base + 0.35 * rng.random((A_SLIDE, 1)) * (a - b) + aside
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)


def build(folder: Path, workspace: Path, n: int) -> dict[str, float]:
    """Vectors and index in `folder`, as far as they are missing; how long that took."""
    file = folder / "vectors.npy"
    if not file.exists():
        known = sorted(Workspace(workspace).root.glob("slides/*/spots.h5ad"))
        if not known:
            sys.exit(f"{workspace} holds no prepared slide; `python app.py prepare demo` makes one.")
        bank = [np.asarray(anndata.read_h5ad(path, backed="r").obsm["X_joint"], np.float32) for path in known]
        vectors = np.concatenate([spots_like(bank, i) for i in range(n // A_SLIDE)])
        np.save(folder / "part.npy", vectors)
        (folder / "part.npy").replace(file)
    rows, index = np.load(file, mmap_mode="r"), SpotIndex(folder / "chroma", JOINT)
    done, start = index.slides(), time.perf_counter()
    missing = [i for i in range(len(rows) // A_SLIDE) if f"s{i:04d}" not in done]
    for i in missing:
        index.replace_slide(f"s{i:04d}", _slide(rows[i * A_SLIDE : (i + 1) * A_SLIDE]))
        if i % 50 == 49:
            rate = (missing.index(i) + 1) * A_SLIDE / (time.perf_counter() - start)
            print(f"indexed {(i + 1) * A_SLIDE:,} spots, {rate:,.0f} a second", file=sys.stderr)  # noqa: T201
    size = sum(path.stat().st_size for path in (folder / "chroma").rglob("*") if path.is_file()) / 1e9
    took = time.perf_counter() - start
    return {"seconds": took, "spots a second": len(missing) * A_SLIDE / took, "GB on disk": size}


def _slide(rows: F32) -> anndata.AnnData:
    data = anndata.AnnData(obs=pd.DataFrame(index=[str(i) for i in range(len(rows))]))
    data.obsm["X_joint"], data.obsm["spatial"] = np.asarray(rows), np.zeros((len(rows), 2))
    return data


def queries(folder: Path) -> dict[str, F32]:
    """Unit rows (q, d): phrases, and spots that are like those of the slides but not among them."""
    rows, rng = np.load(folder / "vectors.npy", mmap_mode="r"), np.random.default_rng(7)
    near = rows[rng.integers(len(rows), size=len(PHRASES))]
    near = near + rng.normal(0, 0.2 / np.sqrt(rows.shape[1]), near.shape)
    text: F32 = load(JOINT).encode_text(PHRASES)
    return {"text": text, "spot": np.asarray(near / np.linalg.norm(near, axis=1, keepdims=True), np.float32)}


def truth(folder: Path, vector: F32) -> list[int]:
    """Best spots by a product over parts of the file, so that nothing is held."""
    rows = np.load(folder / "vectors.npy", mmap_mode="r")
    scores = np.concatenate([rows[i : i + 50_000] @ vector for i in range(0, len(rows), 50_000)])
    return [int(i) for i in np.argsort(-scores, kind="stable")[:TOP]]


def measure(folder: Path, search: Callable[[F32], list[int]], first: float) -> dict[str, Any]:
    """Latency in ms and recall of one way; `first` seconds until its first answer."""
    found: dict[str, Any] = {"first": first, "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}
    for kind, vectors in queries(folder).items():
        times, recalls = [], []
        for vector in vectors:
            start = time.perf_counter()
            hits = search(vector)
            times.append(1e3 * (time.perf_counter() - start))
            best = truth(folder, vector)
            recalls.append([len(set(hits[:k]) & set(best[:k])) / k for k in (10, TOP)])
        ten, hundred = np.mean(recalls, axis=0)
        p50, p95 = np.percentile(times, [50, 95])
        found[kind] = {"p50": p50, "p95": p95, "recall@10": float(ten), "recall@100": float(hundred)}
    return found


def by_numpy(folder: Path) -> dict[str, Any]:
    """The reference: every spot in one array, one product, the best k sorted."""
    start = time.perf_counter()
    rows = np.load(folder / "vectors.npy")

    def search(vector: F32) -> list[int]:
        scores = rows @ vector
        best = np.argpartition(-scores, TOP)[:TOP]
        return [int(i) for i in best[np.argsort(-scores[best])]]

    search(rows[0])
    return measure(folder, search, time.perf_counter() - start)


def by_slides(folder: Path) -> dict[str, Any]:
    """As the workspace is searched: the rows of each slide apart, the best of the best."""
    from tools.nearest import best_rows

    start, rows = time.perf_counter(), np.load(folder / "vectors.npy")
    parts = [np.ascontiguousarray(rows[i : i + A_SLIDE]) for i in range(0, len(rows), A_SLIDE)]
    del rows

    def search(vector: F32) -> list[int]:
        return [slide * A_SLIDE + row for slide, row, _ in best_rows(parts, vector, TOP)]

    search(parts[0][0])
    return measure(folder, search, time.perf_counter() - start)


def _ids(index: SpotIndex) -> Callable[[F32], list[int]]:
    return lambda vector: [int(h.slide[1:]) * A_SLIDE + int(h.spot) for h in index.search(vector, TOP)]


def by_chroma(folder: Path) -> dict[str, Any]:
    """Embedded."""
    start = time.perf_counter()
    search = _ids(SpotIndex(folder / "chroma", JOINT))
    search(queries(folder)["spot"][0])
    return measure(folder, search, time.perf_counter() - start)


def by_server(folder: Path) -> dict[str, Any]:
    """`chroma run` as a process of its own on this machine; its memory, not the client's."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(Path(sys.executable).parent / "chroma"),
        "run",
        "--path",
        str(folder / "chroma"),
        "--port",
        str(port),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        start = time.perf_counter()
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        search = _ids(SpotIndex(folder, JOINT, f"http://127.0.0.1:{port}"))
        search(queries(folder)["spot"][0])
        found = measure(folder, search, time.perf_counter() - start)
        status = Path(f"/proc/{server.pid}/status").read_text()
        peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return found | {"gb": int(peak) / 1e6}
    finally:
        server.terminate()
        server.wait()


WAYS = {"numpy": by_numpy, "exact, by slides": by_slides, "Chroma": by_chroma, "Chroma server": by_server}


def heat_map(folder: Path, n: int) -> dict[str, Any]:
    """Milliseconds of a map once the text is embedded: one scorer, both fused, and a bare product as the reference."""
    rows = np.load(folder / "vectors.npy", mmap_mode="r")
    joint, seen = load(JOINT), load(SEEN)
    unrelated = joint.null_texts()
    start = time.perf_counter()
    molecular = Embedded(np.array(rows[:n]), joint, unrelated)
    fused = Fused(molecular, Embedded(np.array(rows[-n:]), seen, unrelated))
    fused.scores("epithelium")
    first = 1e3 * (time.perf_counter() - start)
    text, times = joint.encode_text(PHRASES), {"numpy product": [], "molecular": [], "fused": []}
    seen.encode_text(PHRASES)
    for i in range(0, len(PHRASES), 2):  # each phrase once, for a map that was asked for before is kept
        for name, work in (
            ("numpy product", lambda i=i: molecular.rows @ text[i]),
            ("molecular", lambda i=i: molecular.scores(PHRASES[i])),
            ("fused", lambda i=i: fused.scores(PHRASES[i + 1])),
        ):
            start = time.perf_counter()
            work()
            times[name].append(1e3 * (time.perf_counter() - start))
    p50 = {name: float(np.median(taken)) for name, taken in times.items()}
    rows_ = [(name, ms, ms / p50["numpy product"]) for name, ms in p50.items()]
    return {"rows": [*rows_, ("first map of a slide", first, first / p50["numpy product"])]}


if __name__ == "__main__":
    main()
