"""Tiles a second of our reader beside OpenSlide alone, for the same pixels with the same threads.

`python -m benchmarks.reading [SLIDE ...] [--mpp F] [--threads 1 2 4] [--json OUT]`; without slides: the demo slide, and
two synthetic ones of 20x and 40x (JPEG, tiled, pyramidal). The reference calls `read_region` for each tile, at the
level and with the size that we read, and converts to RGB; a second one also resamples to the tile's 224 px, which
nobody who wants 0.5 um per pixel is spared. All open the slide anew for every run, so that all decode; runs alternate
and medians are told. On a busy machine believe the ratio of CPU time.
"""

import math
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openslide
from PIL import Image

from benchmarks.measuring import ROOT, alternate, finish, first, parser, table
from benchmarks.synthetic_slide import write_pyramid
from models.protocols import TilePlan
from tools.slide import open_slide
from tools.spots import Spots, spot_grid
from tools.tiles import read_tile

PLAN = TilePlan(112.0, 224, 2)
TARGET = 0.8


def ours(path: Path, mpp: float | None, spots: Spots, threads: int, *, shared: bool = True) -> None:
    """Every tile as the stages read it."""
    slide = open_slide(path, mpp)
    with ThreadPoolExecutor(threads) as pool:
        if shared:
            with slide.sharing_decoded(PLAN.tile_um or spots.spot_um, PLAN.tile_px):
                _drain(pool, partial(read_tile, slide, spots, PLAN), len(spots))
        else:
            _drain(pool, partial(read_tile, slide, spots, PLAN), len(spots))


def alone(path: Path, mpp: float | None, spots: Spots, threads: int, *, resampled: bool = False) -> None:
    """The same pixels by OpenSlide alone."""
    del mpp
    handle = openslide.OpenSlide(str(path))
    l0_side = (PLAN.tile_um or spots.spot_um) / spots.mpp
    level = handle.get_best_level_for_downsample(max(1.0, l0_side / PLAN.tile_px))
    size = math.ceil(l0_side / handle.level_downsamples[level]) + 1

    def read(row: int) -> Any:
        l0_x, l0_y = (math.floor(centre - l0_side / 2) for centre in spots.l0_xy[row])
        region = handle.read_region((l0_x, l0_y), level, (size, size)).convert("RGB")
        return np.asarray(
            region.resize((PLAN.tile_px, PLAN.tile_px), Image.Resampling.BICUBIC) if resampled else region
        )

    with ThreadPoolExecutor(threads) as pool:
        _drain(pool, read, len(spots))


def _drain(pool: ThreadPoolExecutor, read: Callable[[int], Any], n: int) -> None:
    """Batches, so that tiles are let go as they are when an encoder takes them."""
    for start in range(0, n, 64):
        list(pool.map(read, range(start, min(start + 64, n))))


def measure(path: Path, mpp: float | None, threads: list[int], repeats: int, most: int) -> dict[str, Any]:
    """Tiles a second by threads."""
    slide = open_slide(path, mpp)
    spots = first(spot_grid(slide, pitch_um=100.0), most)
    found: dict[str, Any] = {"size": [slide.width, slide.height], "um_per_px": spots.mpp, "tiles": len(spots)}
    rows = []
    for number in threads:
        given = (path, mpp, spots, number)
        seen = alternate(
            {
                "openslide": partial(alone, *given),
                "openslide, resampled": partial(alone, *given, resampled=True),
                "ours": partial(ours, *given),
                "ours, OpenSlide's own cache": partial(ours, *given, shared=False),
            },
            repeats,
        )
        base = seen["openslide"]
        told = {
            name: {
                "tiles_per_s": len(spots) / took["wall"],
                "ratio": base["wall"] / took["wall"],
                "ratio_cpu": base["cpu"] / took["cpu"],
            }
            for name, took in seen.items()
        }
        found[f"threads {number}"] = told
        rows += [[number, name, t["tiles_per_s"], t["ratio"], t["ratio_cpu"]] for name, t in told.items()]
    title = f"{path.name}: {slide.describe()}, {len(spots):,} tiles of {PLAN.tile_um:g} um at {PLAN.tile_px} px"
    table(title, ["threads", "reader", "tiles/s", "ratio", "ratio of CPU time"], rows)
    return found


def main() -> None:
    """Measure, print, write."""
    options = parser(__doc__)
    options.add_argument("slides", nargs="*", type=Path)
    options.add_argument("--mpp", type=float)
    options.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--tiles", type=int, default=400)
    chosen = options.parse_args()
    found: dict[str, Any] = {"target": TARGET}
    with tempfile.TemporaryDirectory() as folder:
        slides = [(path, chosen.mpp) for path in chosen.slides]
        if not slides:
            slides = [(ROOT / "demo" / "cmu_small_region.svs", None)]
            for name, um in (("synthetic_20x.tif", 0.5), ("synthetic_40x.tif", 0.25)):
                write_pyramid(Path(folder) / name, round(10_000 * 0.5 / um), um)
                slides.append((Path(folder) / name, None))
        for path, mpp in slides:
            found[path.name] = measure(path, mpp, chosen.threads, chosen.repeats, chosen.tiles)
    finish(found, chosen.out)


if __name__ == "__main__":
    main()
