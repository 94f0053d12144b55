"""Table 5 of the paper: accuracy of image-text models by the size of the patch, with majority labels for large ones."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from models.card import Card
from tools.benchmark.config import Config
from tools.benchmark.metrics import accuracy
from tools.benchmark.roads import Roads
from tools.benchmark.samples import Sample
from tools.benchmark.scored import checked
from tools.benchmark.scorers import ImageText


@dataclass(frozen=True)
class PatchRow:
    """Accuracy in percent of one model on one sample at one patch size, over n labelled spots."""

    sample: str
    patch_px: int
    model: str
    accuracy: float
    n: int


def majority_labels(l0_xy: NDArray[np.float64], words: NDArray[np.str_], patch_px: float) -> NDArray[np.str_]:
    """Most frequent label among the spots whose centre lies in the square patch around each labelled spot.

    Spots without a label neither vote nor get one. A tie goes to the centre spot's own label where it is among the
    tied, else to the first in the alphabet.
    """
    near = cKDTree(l0_xy).query_ball_point(l0_xy, patch_px / 2, p=np.inf)
    out = np.full(len(words), "", dtype=object)
    for row, rows in enumerate(near):
        if words[row] != "":
            votes = Counter(str(words[other]) for other in rows if words[other] != "")
            tied = sorted(word for word, n in votes.items() if n == max(votes.values()))
            out[row] = words[row] if words[row] in tied else tied[0]
    return out.astype(str)


def patch_table(config: Config, samples: Sequence[Sample], roads: Roads, cards: Sequence[Card]) -> list[PatchRow]:
    """Every image-text model on every sample at every size that the config lists, on its first group."""
    rows = []
    key = next(iter(config.groups))
    group = config.groups[key]
    for patch_px in config.patch_px:
        for card in cards:
            scorer = ImageText(roads, card, patch_px)
            for sample in samples:
                scored = scorer.score(sample, key, group)
                if scored is None:
                    continue
                words = majority_labels(sample.l0_xy, sample.truths[key].words, patch_px)
                known = words != ""
                p = checked(scored, scorer.name, sample.name).kinds()["softmax"]
                right = 100 * accuracy(p[known], words[known], list(group.queries))
                rows.append(PatchRow(sample.name, patch_px, card.name, right, int(known.sum())))
    return rows
