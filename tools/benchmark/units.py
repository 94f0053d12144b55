"""What is averaged over: a sample (definition by spots) or an image (definition by presence), with its truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.benchmark.config import Config, Group
from tools.benchmark.metrics import F64
from tools.benchmark.samples import Sample, Truth
from tools.errors import ToolError

BLOCK_PITCHES = 5  # side of the squares of spots that the bootstrap draws whole


@dataclass(frozen=True)
class Unit:
    """One sample or image: `rows` of the sample that count, `positive` (rows, c), `words` (rows,), `blocks` (rows,)."""

    name: str
    sample: str
    patient: str
    rows: NDArray[np.int64]
    positive: NDArray[np.bool_]
    words: NDArray[np.str_]
    blocks: NDArray[np.str_]


def classes_of(config: Config, group: Group) -> dict[str, list[int]]:
    """Class -> columns of the queries whose scores are summed for it (one, unless the group merges labels)."""
    column = {label: j for j, label in enumerate(group.queries)}
    if config.definition == "spots" or not group.merge:
        return {label: [j] for label, j in column.items()}
    unknown = [label for labels in group.merge.values() for label in labels if label not in column]
    if unknown:
        raise ToolError(f"'{group.title}' merges {', '.join(unknown)}, which have no query.")
    merged = {label for labels in group.merge.values() for label in labels}
    single = {label: [j] for label, j in column.items() if label not in merged and label not in group.exclude}
    return {name: [column[label] for label in labels] for name, labels in group.merge.items()} | single


def units_of(config: Config, key: str, samples: Sequence[Sample]) -> list[Unit]:
    """The units of a group. Raises ToolError where no spot of any sample has a label."""
    classes = classes_of(config, config.groups[key])
    found = []
    for sample in samples:
        truth = sample.truths.get(key)
        if truth is None:
            continue
        if config.definition == "presence":
            found += _images(sample, truth, classes)
        else:
            rows = np.flatnonzero(truth.words != "")
            positive = np.stack([truth.words[rows] == name for name in classes], axis=1)
            blocks = blocks_of(sample)[rows]
            unit = Unit(sample.name, sample.name, sample.patient, rows, positive, truth.words[rows], blocks)
            found.append(unit)
    if not any(len(unit.rows) for unit in found):
        raise ToolError(f"No spot of any sample has a label of '{config.groups[key].title}', so nothing can be judged.")
    return [unit for unit in found if len(unit.rows)]


def _images(sample: Sample, truth: Truth, classes: dict[str, list[int]]) -> list[Unit]:
    if truth.counts is None:
        raise ToolError(f"{sample.name}: labels by presence need cells; there are only labels of spots.")
    present = np.stack([truth.counts[:, columns].sum(axis=1) > 0 for columns in classes.values()], axis=1)
    kept = np.ones(len(present), bool) if truth.kept is None else truth.kept
    found = []
    for image in np.unique(sample.images):
        rows = np.flatnonzero((sample.images == image) & kept)
        blocks = np.array([str(row) for row in rows], dtype=str)
        found.append(Unit(str(image), sample.name, sample.patient, rows, present[rows], truth.words[rows], blocks))
    return found


def scores_of(raw: F64, classes: dict[str, list[int]]) -> F64:
    """(n, q) scores of queries -> (n, c) scores of classes."""
    return np.stack([raw[:, columns].sum(axis=1) for columns in classes.values()], axis=1)


def blocks_of(sample: Sample) -> NDArray[np.str_]:
    """What the bootstrap draws whole (n,): an image, or a square of 5 x 5 spots where all are of one image."""
    if len(np.unique(sample.images)) > 1:
        return sample.images
    l0_side = BLOCK_PITCHES * sample.pitch_um / (sample.mpp or 1.0)
    squares = np.floor((sample.l0_xy - sample.l0_xy.min(axis=0)) / l0_side).astype(np.int64)
    return np.array([f"{x}/{y}" for x, y in squares], dtype=str)
