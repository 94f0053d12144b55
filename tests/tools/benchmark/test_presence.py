from pathlib import Path

import h5py
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.tools.benchmark.synthetic import config
from tools.benchmark.cells import count_cells, read_cells
from tools.benchmark.config import Cells, Group
from tools.benchmark.evaluate import judge_all, score_all
from tools.benchmark.samples import Sample, Truth
from tools.benchmark.scored import Role, Scored
from tools.benchmark.summary import summaries
from tools.benchmark.units import classes_of, scores_of
from tools.errors import ToolError

NAMES = ("T cells", "B cells", "Nerves")


def draw(cells: list[tuple[int, int, int]], side: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Instances and class map with 3 x 3 px cells at (row, column) of a class."""
    instances, kinds = np.zeros((side, side), np.int64), np.zeros((side, side), np.int64)
    for number, (row, column, kind) in enumerate(cells):
        instances[row : row + 3, column : column + 3] = number + 1
        kinds[row : row + 3, column : column + 3] = kind
    return instances, kinds


def test_cells_fall_into_the_tile_of_their_centre() -> None:
    instances, kinds = draw([(2, 2, 0), (5, 5, 0), (2, 25, 1), (25, 2, 2), (50, 50, 1)])
    tiles, counts = count_cells(instances, kinds, 3, 20, drop_last=False)
    assert tiles.tolist() == [[0, 0], [0, 1], [1, 0], [2, 2]]
    assert counts.tolist() == [[2, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]]
    kept, _ = count_cells(instances, kinds, 3, 20, drop_last=True)
    assert kept.tolist() == [[0, 0], [0, 1], [1, 0]]


def test_a_cell_across_a_border_belongs_to_its_centre_and_to_its_first_pixel() -> None:
    instances, kinds = draw([(0, 19, 0)])
    kinds[0, 19] = 2
    tiles, counts = count_cells(instances, kinds, 3, 20, drop_last=False)
    assert tiles.tolist() == [[0, 1]] and counts.tolist() == [[0, 0, 1]]


def test_hdf_files_are_read_with_their_class_names(tmp_path: Path) -> None:
    instances, kinds = draw([(2, 2, 0), (25, 25, 1)])
    image = np.random.default_rng(0).integers(0, 255, (3, 60, 60), dtype=np.uint8)
    with h5py.File(tmp_path / "reg.hdf", "w") as file:
        file["img"], file["gt_inst"], file["gt_ct"] = image, instances[None], kinds[None]
    (tmp_path / "names.txt").write_text("{0: 'T cells', 1: 'B cells'}")
    cells = Cells(hdf="reg.hdf", names_in="names.txt", tile_px=20, drop_last=False)
    pixels, tiles, counts, names = read_cells(tmp_path / "reg.hdf", cells, tmp_path)
    assert (pixels == image.transpose(1, 2, 0)).all()
    assert names == ["T cells", "B cells"] and tiles.tolist() == [[0, 0], [1, 1]] and counts.sum() == 2
    with pytest.raises(ToolError, match="has no gt_ct_coarse"):
        read_cells(tmp_path / "reg.hdf", cells.model_copy(update={"class_map": "gt_ct_coarse"}), tmp_path)
    with pytest.raises(ToolError, match="names of the classes are missing"):
        read_cells(tmp_path / "reg.hdf", cells.model_copy(update={"names_in": "nothing.txt"}), tmp_path)


class Fixed:
    """The scores that it is given."""

    name, role = "fixed", "model"

    def __init__(self, raw: np.ndarray) -> None:
        self.raw = raw
        self.role: Role = "model"

    def seen(self, sample: Sample) -> bool:
        return False

    def score(self, sample: Sample, key: str, group: Group) -> Scored | None:
        return Scored(self.raw, "cosine")


def presence(counts: np.ndarray, images: np.ndarray, kept: np.ndarray | None = None) -> Sample:
    n = len(counts)
    truth = Truth(np.asarray(NAMES)[counts.argmax(axis=1)], {}, counts, kept)
    ids = tuple(map(str, range(n)))
    return Sample("s", "p", ids, np.zeros((n, 2)), images, {"cells": truth}, mpp=0.5)


def settings(**group: object) -> object:
    value = {"title": "Cells", "queries": {name: name for name in NAMES}} | group
    return config(definition="presence", groups={"cells": value})


def test_images_are_averaged_first_and_classes_then() -> None:
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 2, (90, 3)).astype(float)
    counts[:30, 2] = 0  # no nerves on the first image: undefined there, not zero
    images, raw = np.repeat(["a", "b", "c"], 30), rng.normal(size=(90, 3))
    item, scorer = presence(counts, images), Fixed(raw)
    cfg = settings()
    found = judge_all(cfg, [item], [scorer], score_all(cfg, [item], [scorer]), 50, 0)
    primary = next(part for part in found if part.primary)
    assert primary.kind == "cosine"
    expected = np.full((3, 3), np.nan)
    for i, image in enumerate("abc"):
        for j in range(3):
            rows = images == image
            if 0 < (counts[rows, j] > 0).sum() < 30:
                expected[i, j] = roc_auc_score(counts[rows, j] > 0, raw[rows, j])
    assert np.isnan(expected[0, 2]) and primary.auroc == pytest.approx(expected, nan_ok=True)
    rows = {row.column: row.mean for row in summaries(primary, cfg)}
    assert rows["Nerves"].n == 2
    assert rows["Macro"].mean == pytest.approx(np.nanmean(np.nanmean(expected, axis=0)))


def test_merged_classes_sum_counts_and_scores_and_dominated_tiles_are_dropped() -> None:
    cfg = settings(merge={"Lymphocytes": ["T cells", "B cells"]})
    classes = classes_of(cfg, cfg.groups["cells"])
    assert classes == {"Lymphocytes": [0, 1], "Nerves": [2]}
    raw = np.arange(12.0).reshape(4, 3)
    assert scores_of(raw, classes)[:, 0] == pytest.approx(raw[:, 0] + raw[:, 1])
    counts = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 2], [0, 0, 1.0]])
    item = presence(counts, np.array(["a"] * 4), np.array([True, True, True, False]))
    scorer = Fixed(raw)
    found = judge_all(cfg, [item], [scorer], score_all(cfg, [item], [scorer]), 0, 0)
    assert len(found[0].units[0].rows) == 3 and found[0].support.tolist() == [[2, 1]]


def test_presence_needs_cells() -> None:
    item = Sample("s", "p", ("a",), np.zeros((1, 2)), np.array(["s"]), {"cells": Truth(np.array(["Nerves"]))})
    cfg = settings()
    with pytest.raises(ToolError, match="need cells"):
        judge_all(cfg, [item], [], {}, 0, 0)
