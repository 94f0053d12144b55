"""Peak memory of preparing a slide of 100,000 x 100,000 px with up to 50,000 spots x 5,500 genes, against 4 GB.

`python -m benchmarks.memory [--spots 6250 12500 25000 50000] [--side 100000] [--single-level] [--json OUT]`: a
synthetic slide (JPEG tiles, tiled TIFF) is prepared in a process of its own by the built-in models, but for the
encoder, whose cost is another benchmark's: colours of a tile stand in for its 73 numbers. The number of spots follows
the pitch. The resident peak is what the system says of the ended process.
"""

import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import ROOT, finish, parser, table
from benchmarks.synthetic_slide import write_pyramid
from models.card import Card
from models.protocols import F32
from models.starter_encoder import StarterEncoder

LIMIT_GB = 4.0
MPP = 0.5
TISSUE = 0.93  # of the side, the disc's diameter


class Colours:
    """Mean colours of a tile's 24 bands, and of the whole, in the length of the built-in encoder's vectors."""

    card: ClassVar[Card] = StarterEncoder.card

    def encode_image(self, tiles: NDArray[np.uint8]) -> F32:
        """(n, h, w, 3) uint8 -> (n, 73) float32."""
        thin = tiles[:, :, ::16]
        bands = np.stack([part.mean(axis=(1, 2)) for part in np.array_split(thin, 24, axis=1)], axis=1)
        whole = thin.std(axis=(1, 2, 3))[:, None]
        return np.concatenate([bands.reshape(len(tiles), 72), whole], axis=1).astype(np.float32) / 255


def prepare_one(slide: Path, workspace: Path, pitch_um: float) -> None:
    """In the process that is measured."""
    from models.registry import SETS
    from tools.prepare import Runtime, prepare
    from tools.workspace import PrepareOptions, Workspace

    seconds: dict[str, float] = {}
    last = [time.perf_counter()]

    def progress(stage: str, _done: int, _total: int) -> None:
        now = time.perf_counter()
        seconds[stage] = seconds.get(stage, 0.0) + now - last[0]
        last[0] = now

    options = PrepareOptions(mpp=MPP, pitch_um=pitch_um)
    runtime = Runtime(device="cpu", elsewhere={SETS["starter"].encoder: Colours()})
    prepared = prepare(Workspace(workspace), str(slide), options, runtime, progress)
    found = {"spots": len(prepared.spots), "genes": prepared.adata.n_vars, "seconds": seconds}
    found["peak_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found["x_joint"] = list(prepared.adata.obsm["X_joint"].shape)
    sys.stdout.write(json.dumps(found) + "\n")


def measured(slide: Path, folder: Path, pitch_um: float) -> dict[str, Any]:
    """Peak and times of one preparation, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", "--child", str(slide), str(folder), str(pitch_um)]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    found["peak_gb"] = found.pop("peak_kib") * 1024 / 1e9
    found["share_of_limit"] = found["peak_gb"] / LIMIT_GB
    return found


def main() -> None:
    """Measure, print, write; ends with 1 where the limit is passed."""
    if "--child" in sys.argv:
        slide, workspace, pitch = sys.argv[2:5]
        return prepare_one(Path(slide), Path(workspace), float(pitch))
    options = parser(__doc__)
    options.add_argument("--spots", nargs="+", type=int, default=[6_250, 12_500, 25_000, 50_000])
    options.add_argument("--side", type=int, default=100_000)
    options.add_argument("--single-level", action="store_true", help="no pyramid: the thumbnail comes from level 0")
    chosen = options.parse_args()
    rows, runs = [], []
    with tempfile.TemporaryDirectory() as folder:
        slide = Path(folder) / "large.tif"
        write_pyramid(slide, chosen.side, MPP, TISSUE, 1 if chosen.single_level else 6)
        area_um2 = math.pi / 4 * (TISSUE * chosen.side * MPP) ** 2
        for wanted in chosen.spots:
            pitch_um = math.sqrt(area_um2 / wanted / (math.sqrt(3) / 2))
            runs.append(measured(slide, Path(folder) / f"workspace-{wanted}", round(pitch_um, 2)))
            run = runs[-1]
            rows.append(
                [run["spots"], run["genes"], run["peak_gb"], run["share_of_limit"], sum(run["seconds"].values())]
            )
            table("so far", ["spots", "genes", "peak GB", f"of {LIMIT_GB:g} GB", "seconds"], [rows[-1]])
    title = f"{chosen.side:,} x {chosen.side:,} px at {MPP} um/px{', one level' if chosen.single_level else ''}"
    table(title, ["spots", "genes", "peak GB", f"of {LIMIT_GB:g} GB", "seconds"], rows)
    finish({"side_px": chosen.side, "single_level": chosen.single_level, "runs": runs}, chosen.out)
    if max(run["share_of_limit"] for run in runs) > 1:
        sys.exit(1)
    return None


if __name__ == "__main__":
    main()
