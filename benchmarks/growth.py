"""How the stages after encoding grow with spots and with genes, at four sizes each.

`python -m benchmarks.growth [--spots 1000 2000 4000 8000] [--genes 700 1375 2750 5500] [--json OUT]`: given made-up
embeddings, expression is predicted and written, embedded in the joint space, and indexed, by the built-in models.
Genes are the first so many of the model's (its last layer stays whole). Ratios are to the smallest size.
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anndata
import numpy as np
from PIL import Image

from benchmarks.measuring import finish, parser, table
from models.registry import load
from settings import apply_environment
from tools.index import SpotIndex
from tools.slide import open_slide
from tools.spots import spot_grid
from tools.stages import write_expression, write_joint

MPP, PITCH_UM = 4.0, 50.0


def main() -> None:
    """Measure, print ratios."""
    made = parser(__doc__)
    made.add_argument("--spots", type=int, nargs="+", default=[1000, 2000, 4000, 8000])
    made.add_argument("--genes", type=int, nargs="+", default=[700, 1375, 2750, 5500])
    given = made.parse_args()
    apply_environment()
    for name in ("starter-deepspot", "starter-joint"):
        load(name)
    measure(min(given.spots), min(given.genes))  # loads what is loaded once
    by_spots = [measure(n, max(given.genes)) for n in given.spots]
    by_genes = [measure(given.spots[1], g) for g in given.genes]
    heads = list(by_spots[0])
    for title, rows in (("with spots", by_spots), ("with genes", by_genes)):
        first = rows[0]["seconds"]
        table(f"growth {title}", [*heads, "ratio"], [[*row.values(), row["seconds"] / first] for row in rows])
    finish({"spots": by_spots, "genes": by_genes}, given.out)


def measure(n: int, genes: int) -> dict[str, Any]:
    """Seconds of each stage, and MB of the h5ad."""
    predictor = _first_genes(load("starter-deepspot"), genes)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        side = int(np.sqrt(n) * PITCH_UM / MPP) + 20
        Image.new("RGB", (side, side), (200, 120, 160)).save(root / "pink.png")
        slide = open_slide(root / "pink.png", MPP)
        spots = spot_grid(slide, 55.0, PITCH_UM, "square")
        rows = np.arange(min(n, len(spots)))
        spots = replace(
            spots,
            ids=tuple(spots.ids[i] for i in rows),
            l0_xy=spots.l0_xy[rows],
            array_row=spots.array_row[rows],
            array_col=spots.array_col[rows],
        )
        k, d = predictor.plan.tiles_per_spot, load("starter-encoder").card.dim
        embeddings = np.random.default_rng(0).normal(size=(len(spots), k, d)).astype(np.float32)
        times = [time.perf_counter()]
        write_expression(root / "spots.h5ad", embeddings, slide, spots, predictor, {})
        times.append(time.perf_counter())
        write_joint(root / "spots.h5ad", load("starter-joint"), {})
        times.append(time.perf_counter())
        data = anndata.read_h5ad(root / "spots.h5ad", backed="r")
        SpotIndex.build(root / "chroma", "starter-joint", {"pink": data})
        times.append(time.perf_counter())
        size = (root / "spots.h5ad").stat().st_size / 1e6
    parts = dict(zip(("expression", "joint", "index"), np.diff(times).tolist(), strict=True))
    return {"spots": len(spots), "genes": genes} | parts | {"seconds": times[-1] - times[0], "MB": size}


def _first_genes(predictor: Any, genes: int) -> Any:
    """The predictor with its first so many genes."""
    return SimpleNamespace(
        card=predictor.card,
        encoder=predictor.encoder,
        plan=predictor.plan,
        genes=predictor.genes[:genes],
        ensembl_ids=predictor.ensembl_ids[:genes],
        reliability=predictor.reliability[:genes],
        predict_expression=lambda x, near: predictor.predict_expression(x, near)[:, :genes],
    )


if __name__ == "__main__":
    main()
