import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.synthetic import MPP
from tests.tools.test_given_spots import positions, write_folder
from tools.errors import ModelUnavailable, MppNeeded, SlideError
from tools.prepare import STAGES, prepare, tile
from tools.search import search_workspace
from tools.stages import load_spots, save_spots
from tools.workspace import PrepareOptions, Workspace

ROOT = Path(__file__).parents[2]
FAKE = PrepareOptions(mpp=MPP, models="fake")


def work(workspace: Workspace, slide: Path | str, options: PrepareOptions | None = None) -> list[str]:
    """Prepare, and return the names of the stages that reported."""
    seen: list[str] = []
    prepare(workspace, str(slide), options, progress=lambda stage, _done, _total: seen.append(stage))
    return list(dict.fromkeys(seen))


def test_every_stage_runs_once(tmp_path: Path, he_png: Path) -> None:
    workspace = Workspace(tmp_path)
    assert work(workspace, he_png, FAKE)[-1] == "index spots"
    assert work(workspace, he_png, FAKE) == []
    assert work(workspace, "tissue") == []  # by name, with the options it was prepared with


def test_another_grid_starts_again(tmp_path: Path, he_png: Path) -> None:
    workspace = Workspace(tmp_path)
    first = prepare(workspace, str(he_png), FAKE)
    second = prepare(workspace, str(he_png), PrepareOptions(mpp=MPP, pitch_um=90, models="fake"))
    assert len(second.spots) < len(first.spots) == first.adata.n_obs
    assert second.adata.n_obs == len(second.spots)


def test_a_changed_slide_starts_again(tmp_path: Path, he_png: Path) -> None:
    path = tmp_path / "slide.png"
    path.write_bytes(he_png.read_bytes())
    workspace = Workspace(tmp_path / "workspace")
    prepare(workspace, str(path), FAKE)
    Image.open(he_png).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    assert "embed tiles" in work(workspace, path)


def test_a_space_ranger_folder_keeps_its_spots_when_it_is_prepared_again(tmp_path: Path, he_png: Path) -> None:
    outs = write_folder(tmp_path / "outs", "tissue_positions.csv", positions())
    (outs / "spatial" / "tissue_hires_image.png").write_bytes(he_png.read_bytes())
    workspace = Workspace(tmp_path / "workspace")
    for _ in range(2):
        slide = prepare(workspace, str(outs), PrepareOptions(MPP, models="fake"))
        assert slide.spots.layout == "given" and set(slide.spots.ids) <= set(positions().barcode)
    assert work(workspace, outs, PrepareOptions(MPP, models="fake")) == []


@pytest.mark.parametrize("lost", ["spots.npz", "embeddings.npy", "spots.h5ad", "recipes.json"])
def test_a_lost_file_is_made_again(tmp_path: Path, he_png: Path, lost: str) -> None:
    workspace = Workspace(tmp_path)
    before = prepare(workspace, str(he_png), FAKE).adata.obsm["X_joint"].copy()
    (tmp_path / "slides" / "tissue" / lost).unlink()
    assert (prepare(workspace, "tissue").adata.obsm["X_joint"] == before).all()


def test_tiling_alone_leaves_the_rest_to_do(tmp_path: Path, he_png: Path) -> None:
    workspace = Workspace(tmp_path)
    state, spots = tile(workspace, str(he_png), FAKE)
    assert state.state == "tiled" and len(spots) == state.facts["spots"]
    assert "lay spots" not in work(workspace, "tissue")
    assert tile(workspace, "tissue", PrepareOptions(mpp=MPP, pitch_um=90, models="fake"))[0].state == "tiled"


KILLED = """
import sys; sys.path.insert(0, {root!r})
import time
import tools.tiles as tiles
tiles.BATCH_SPOTS, tiles.AHEAD = 16, 1
from models.fakes import FakeEncoder
plain = FakeEncoder.encode_image
def slow(self, images):
    time.sleep(0.15)
    return plain(self, images)
FakeEncoder.encode_image = slow
from pathlib import Path
from tools.prepare import prepare
from tools.workspace import PrepareOptions, Workspace
prepare(Workspace(Path({workspace!r})), {slide!r}, PrepareOptions(mpp=1.0, models="fake"))
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, he_png: Path, fake_workspace: Workspace) -> None:
    code = KILLED.format(root=str(ROOT), workspace=str(tmp_path), slide=str(he_png))
    process = subprocess.Popen([sys.executable, "-c", code])
    folder = tmp_path / "slides" / "tissue"
    deadline = time.monotonic() + 60
    while len(list(folder.glob("embeddings.parts-*/[0-9]*.npy"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    finished = len(list(folder.glob("embeddings.parts-*/[0-9]*.npy")))
    assert finished >= 3 and not (folder / "embeddings.npy").exists()
    first: list[int] = []
    resumed = prepare(
        Workspace(tmp_path), "tissue", progress=lambda stage, n, _: first.append(n) if stage == "embed tiles" else None
    )
    assert first[0] > finished * 16  # the first batch of the second run comes after those of the first
    whole = prepare(fake_workspace, "tissue")
    assert np.allclose(resumed.adata.X, whole.adata.X, atol=1e-5)
    assert not list(folder.glob("embeddings.parts-*")) and not list(folder.glob(".*.part*"))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda path: path.write_text("no slide"), SlideError, "not an image"),
        (lambda path: Image.new("RGB", (400, 300), (244, 244, 244)).save(path), SlideError, "blank"),
        (lambda path: Image.new("RGB", (1, 1), (120, 60, 150)).save(path), SlideError, "smaller than one spot"),
    ],
)
def test_refused_slides_leave_nothing(tmp_path: Path, make, error: type[Exception], words: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "slide.png"
    make(path)
    with pytest.raises(error, match=words):
        prepare(Workspace(tmp_path / "workspace"), str(path), FAKE)
    assert not (tmp_path / "workspace").exists()


def test_a_slide_without_mpp_asks_and_leaves_nothing(tmp_path: Path, he_png: Path) -> None:
    with pytest.raises(MppNeeded):
        prepare(Workspace(tmp_path), str(he_png), PrepareOptions(models="fake"))
    assert not list(tmp_path.iterdir())


def test_an_unknown_model_set_names_the_known_ones(tmp_path: Path, he_png: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"known sets: .*fake"):
        prepare(Workspace(tmp_path), str(he_png), PrepareOptions(mpp=MPP, models="nothing"))
    assert not list(tmp_path.iterdir())


def test_spots_survive_the_round_trip(tmp_path: Path, tissue) -> None:  # type: ignore[no-untyped-def]
    save_spots(tmp_path / "spots.npz", tissue.spots)
    again = load_spots(tmp_path / "spots.npz")
    assert again.ids == tissue.spots.ids and (again.l0_xy == tissue.spots.l0_xy).all()
    assert (again.layout, again.mpp, again.tissue_um2) == (tissue.spots.layout, MPP, tissue.spots.tissue_um2)


def test_search_does_not_find_a_slide_that_was_removed(tmp_path: Path, he_png: Path) -> None:
    from tools.prepare import Runtime

    workspace = Workspace(tmp_path)
    for name in ("kept", "removed"):
        copy = tmp_path / f"{name}.png"
        shutil.copy(he_png, copy)
        prepare(workspace, str(copy), PrepareOptions(mpp=MPP, models="fake"))
    assert {hit.slide for hit in search_workspace(workspace, "epithelium", 400, "fake", Runtime())} == {
        "kept",
        "removed",
    }
    shutil.rmtree(workspace.folder("removed"))
    assert {hit.slide for hit in search_workspace(workspace, "epithelium", 400, "fake", Runtime())} == {"kept"}


def test_search_finds_the_right_side_and_rebuilds_a_lost_index(fake_workspace: Workspace, tmp_path: Path) -> None:
    from tools.prepare import Runtime

    hits = search_workspace(fake_workspace, "epithelium", 5, "fake", Runtime())
    assert len(hits) == 5 and all(hit.slide == "tissue" and hit.x < 500 for hit in hits)
    with pytest.raises(SlideError, match="nothing to search"):
        search_workspace(Workspace(tmp_path), "epithelium", 5, "fake", Runtime())


def test_the_order_of_the_stages() -> None:
    assert STAGES == ("spots", "embeddings", "expression", "joint", "index")
