"""DeepSpot on a slide one spot at a time, as its notebooks do it, beside ours: same encoder, same weights, same spots.

`python -m benchmarks.one_spot_at_a_time [SLIDE] [--mpp F] [--spots 24] [--repeats 3] [--threads N] [--json OUT]`.
For each spot the reference reads its tile, cuts the sub-tiles, reads the tiles of its neighbours, encodes each of these
anew, one after the other, by the network as it was trained (float32), and runs the DeepSpot network on that one spot:
(1 + sub-tiles + neighbours) passes. Ours encodes each tile once, in batches, in the precision and with the folded
network that this machine gets. Spots are consecutive rows of a real slide; the slide's mean embedding, which the
built-in network takes out, is given to both.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.measuring import ROOT, alternate, finish, first, parser, table
from models.card import WEIGHTS
from models.deepspot import DeepSpotPredictor
from models.networks.densenet import DenseNet121
from models.networks.loading import load_into
from models.protocols import F32
from models.registry import load
from tools.expression import neighbour_rows
from tools.slide import Slide, open_slide
from tools.spots import Spots, spot_grid
from tools.tiles import embed_tiles, sub_tiles

TARGET = 5.0


class OneSpotAtATime:
    """The straightforward way."""

    def __init__(self, slide: Slide, spots: Spots, predictor: DeepSpotPredictor, encoder: DenseNet121) -> None:
        self.slide, self.spots, self.predictor, self.encoder = slide, spots, predictor, encoder
        self.neighbours = neighbour_rows(spots, predictor.plan.neighbour_um)
        self.passes = 0

    def expression(self) -> F32:
        """(n, g) of all spots."""
        return np.concatenate([self._spot(row) for row in range(len(self.spots))])

    def _spot(self, row: int) -> F32:
        tile = self._tile(row)
        parts = sub_tiles(tile[None], self.predictor.plan.sub_grid)
        around = [self._tile(other) for other in self.neighbours[row] if other >= 0]
        own = [self._encode(image) for image in (tile, *parts)]
        near = [self._encode(image) for image in around]
        # Of a neighbour only the tile is looked at; it stands in for its sub-tiles, to make whole bags.
        bags = np.stack([np.stack(own), *(np.stack([one] * len(own)) for one in near)])
        rows = np.full((len(bags), max(len(near), 1)), -1, np.int64)
        rows[0, : len(near)] = np.arange(1, len(bags))
        return self.predictor.predict_expression(bags, rows)[:1]

    def _tile(self, row: int) -> Any:
        plan = self.predictor.plan
        return self.slide.read_square(*map(float, self.spots.l0_xy[row]), plan.tile_um or 0.0, plan.tile_px)

    def _encode(self, image: Any) -> F32:
        self.passes += 1
        with torch.inference_mode():
            unit = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
            found: F32 = self.encoder(unit)[0].numpy()
        return found


def with_reference(embeddings: F32) -> DeepSpotPredictor:
    """The built-in predictor with this slide's means in place of those that stand in where there are few spots.

    A bag of one spot is no slide: with these means, the reference and ours take out the same.
    """
    predictor = DeepSpotPredictor.load(WEIGHTS / DeepSpotPredictor.card.name)
    predictor._reference = np.stack([embeddings[:, 0].mean(axis=0), embeddings[:, 1:].mean(axis=(0, 1))])
    return predictor


def main() -> None:
    """Measure, print, write."""
    options = parser(__doc__)
    options.add_argument("slide", nargs="?", type=Path, default=ROOT / "demo" / "cmu_small_region.svs")
    options.add_argument("--mpp", type=float)
    options.add_argument("--spots", type=int, default=24)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--threads", type=int, help="of torch; on a busy machine 1, and believe the CPU time")
    chosen = options.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    slide = open_slide(chosen.slide, chosen.mpp)
    spots = first(spot_grid(slide), chosen.spots)
    encoder = load("starter-encoder")
    plain = load_into(DenseNet121(encoder.card.dim), WEIGHTS / "starter-encoder").eval()
    plan = DeepSpotPredictor.load(WEIGHTS / DeepSpotPredictor.card.name).plan
    predictor = with_reference(embed_tiles(slide, spots, encoder, plan))
    neighbours = neighbour_rows(spots, plan.neighbour_um)
    kept: dict[str, F32] = {}
    reference = OneSpotAtATime(slide, spots, predictor, plain)

    def theirs() -> None:
        reference.passes = 0
        kept["reference"] = reference.expression()

    def ours() -> None:
        kept["ours"] = predictor.predict_expression(embed_tiles(slide, spots, encoder, plan), neighbours)

    seen = alternate({"one spot at a time": theirs, "ours": ours}, chosen.repeats)
    passes = {"one spot at a time": reference.passes, "ours": len(spots) * plan.tiles_per_spot}
    base = seen["one spot at a time"]
    rows = [
        [name, passes[name], took["wall"] / len(spots), base["wall"] / took["wall"], base["cpu"] / took["cpu"]]
        for name, took in seen.items()
    ]
    title = (
        f"{chosen.slide.name}, {len(spots)} spots of {plan.tiles_per_spot} tiles; at least {TARGET:g} times is asked"
    )
    table(title, ["way", "passes", "s a spot", "times faster", "times less CPU time"], rows)
    found = {
        "slide": chosen.slide.name,
        "spots": len(spots),
        "target": TARGET,
        "passes": passes,
        "times_faster": base["wall"] / seen["ours"]["wall"],
        "times_less_cpu": base["cpu"] / seen["ours"]["cpu"],
    } | agreement(kept["reference"], kept["ours"])
    table("the same expression", ["figure", "value"], [[k, found[k]] for k in agreement(kept["ours"], kept["ours"])])
    finish(found, chosen.out)


def agreement(theirs: F32, ours: F32) -> dict[str, float]:
    """How far two tables of expression (n, g) are apart."""
    between = [np.corrcoef(a, b)[0, 1] for a, b in zip(theirs, ours, strict=True)]
    return {
        "largest difference (log1p CP10K)": float(np.abs(theirs - ours).max()),
        "difference / length": float(np.linalg.norm(theirs - ours) / np.linalg.norm(theirs)),
        "least correlation of a spot": float(min(between)),
    }


if __name__ == "__main__":
    main()
