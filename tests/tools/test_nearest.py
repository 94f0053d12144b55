from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pytest

from tests.synthetic import MPP, write_he_png
from tools import search
from tools.errors import SlideError
from tools.nearest import JointRows, nearest
from tools.prepare import PrepareOptions, Runtime, prepare
from tools.workspace import Workspace


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with the same tissue twice, laid out differently."""
    root = tmp_path_factory.mktemp("two")
    workspace = Workspace(root / "workspace")
    for name, pitch in (("coarse", 100.0), ("fine", 70.0)):
        prepare(workspace, str(write_he_png(root / f"{name}.png")), PrepareOptions(MPP, pitch_um=pitch, models="fake"))
    return workspace


def joint_of(workspace: Workspace, name: str) -> anndata.AnnData:
    return anndata.read_h5ad(workspace.folder(name) / "spots.h5ad")


def test_the_nearest_are_those_of_one_sorted_product(two: Workspace) -> None:
    vector = np.asarray(joint_of(two, "fine").obsm["X_joint"][5], np.float32)
    hits = nearest(two, two.slides(), JointRows(10**6), vector, 25)
    expected = []
    for name in ("coarse", "fine"):
        data = joint_of(two, name)
        cosines = np.asarray(data.obsm["X_joint"]) @ vector
        expected += [(c, name, s, *xy) for c, s, xy in zip(cosines, data.obs_names, data.obsm["spatial"], strict=True)]
    expected.sort(key=lambda item: -item[0])
    assert [hit.score for hit in hits] == pytest.approx([item[0] for item in expected[:25]], abs=1e-6)
    by_place = {(name, spot): (cosine, x, y) for cosine, name, spot, x, y in expected}
    for hit in hits:
        assert by_place[hit.slide, hit.spot] == pytest.approx((hit.score, hit.x, hit.y), abs=1e-6)
    assert hits[0].score == pytest.approx(1.0, abs=1e-5)


def test_more_than_there_are_gives_all(two: Workspace) -> None:
    n = sum(int(state.facts["spots"]) for state in two.slides())
    hits = nearest(two, two.slides(), JointRows(10**6), np.ones(_dim(two), np.float32), n + 50)
    assert len({(hit.slide, hit.spot) for hit in hits}) == len(hits) == n
    assert nearest(two, [], JointRows(10), np.ones(_dim(two), np.float32), 3) == []


def _dim(workspace: Workspace) -> int:
    return int(joint_of(workspace, "fine").obsm["X_joint"].shape[1])


def test_rows_are_held_until_there_are_too_many_or_the_slide_changes(two: Workspace, tmp_path: Path) -> None:
    held, coarse, fine = JointRows(10**6), two.folder("coarse"), two.folder("fine")
    assert held.of(coarse) is held.of(coarse)
    small = JointRows(len(held.of(fine)))
    first = small.of(coarse)
    small.of(fine)
    assert small.of(coarse) is not first and np.array_equal(small.of(coarse), first)
    before = held.of(coarse)
    prepare(two, "coarse", replace(two.get("coarse").options, pitch_um=90.0))
    assert len(held.of(coarse)) != len(before)


def test_exact_and_graph_agree_on_a_small_workspace(two: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = search.search_workspace(two, "epidermis", 10, "fake", Runtime())
    monkeypatch.setattr(search, "EXACT_SPOTS", 0)
    graph = search.search_workspace(two, "epidermis", 10, "fake", Runtime())
    assert [hit.score for hit in graph] == pytest.approx([hit.score for hit in exact], abs=1e-4)
    vector = np.asarray(joint_of(two, "fine").obsm["X_joint"][0], np.float32)
    assert {hit.slide for hit in search.nearest_spots(two, vector, 5, "fake", Runtime(), ["coarse"])} == {"coarse"}


def test_nothing_prepared_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SlideError, match="nothing to search"):
        search.nearest_spots(Workspace(tmp_path), np.ones(4, np.float32), 1, "fake", Runtime())
