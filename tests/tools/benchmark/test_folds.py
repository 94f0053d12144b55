"""Weights of which a patient was held out: which are used, and what counts as seen."""

from pathlib import Path

import numpy as np
import pytest

from tests.tools.benchmark.synthetic import random_words, sample
from tools.benchmark.config import read_config
from tools.benchmark.folds import Fold, fold, patients_of, train_folds, training_code
from tools.benchmark.roads import Roads
from tools.benchmark.scorers import Measured, Molecular
from tools.errors import ToolError
from tools.files import write_json

TAUGHT = {"starter-encoder": ["B", "C"], "starter-deepspot": ["B", "C"], "starter-joint": ["B", "C", "D"]}


def roads(tmp_path: Path, models: tuple[str, ...]) -> Roads:
    folder = tmp_path / "B"
    for name in models:
        (folder / name).mkdir(parents=True)
    return Roads(tmp_path, folds={"B": Fold("B", ("C", "consep"), folder, False)}, trained_on=TAUGHT)


def test_held_out_weights_are_used_for_their_patient_alone(tmp_path: Path) -> None:
    found = roads(tmp_path, ("starter-encoder", "starter-deepspot", "starter-joint"))
    assert found.folder_for("starter-joint", "B") == tmp_path / "B"
    assert found.folder_for("starter-joint", "C") is None
    b, c, x = (sample(name, random_words(0, 20), name) for name in "BCX")
    for scorer in (Molecular(found), Measured(found)):
        assert [scorer.seen(item) for item in (b, c, x)] == [False, True, False]


def test_a_model_that_the_fold_lacks_is_the_shipped_one_and_counts_as_seen(tmp_path: Path) -> None:
    found = roads(tmp_path, ("starter-encoder", "starter-deepspot"))
    assert found.folder_for("starter-joint", "B") is None
    assert Molecular(found).seen(sample("b", random_words(0, 20), "B"))


def test_a_fold_of_other_training_code_is_stale(tmp_path: Path) -> None:
    assert fold(tmp_path, "B") is None
    facts = {"test": "B", "train": ["C", "consep"], "seed": 0, "code": training_code()}
    write_json(tmp_path / "B" / "fold.json", facts)
    found = fold(tmp_path, "B")
    assert found is not None and not found.stale and found.train == ("C", "consep")
    write_json(tmp_path / "B" / "fold.json", facts | {"code": "older"})
    again = fold(tmp_path, "B")
    assert again is not None and again.stale


def test_no_fold_holds_its_own_patient() -> None:
    from tools.benchmark.folds import TEACHERS

    assert all(test not in train for test, train in TEACHERS.items())


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="no fold for X"):
        train_folds(tmp_path, tmp_path, ["X"])
    with pytest.raises(ToolError, match="need her2st, consep, knowledge"):
        train_folds(tmp_path, tmp_path, ["B"])


def test_patients_that_taught_the_built_in_models() -> None:
    assert patients_of(read_config("her2st")) == {"B", "C"}
    assert patients_of(read_config("consep-presence")) == {"consep"}
    assert patients_of(read_config("lc")) == set()
    assert np.all([patient in read_config("her2st").trained_on["starter-deepspot"] for patient in "BC"])
