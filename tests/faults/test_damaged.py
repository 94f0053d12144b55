"""Files of a workspace cut, overwritten or lost between two runs: noticed, said, made again."""

import logging
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tools.checksums import damage, seal
from tools.errors import SlideError
from tools.files import LEFT, atomic, read_json, sweep, write_json
from tools.prepare import WAITING, Runtime, prepare
from tools.prepared import PreparedSlide, load_prepared
from tools.repair import repair
from tools.search import search_workspace
from tools.verify import verify_workspace
from tools.workspace import Workspace

ROOT = Path(__file__).parents[2]


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    """Change bytes in the middle, so that the size stays."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(byte ^ 0xFF for byte in data[middle : middle + 64])
    path.write_bytes(data)


def scribble(path: Path) -> None:
    path.write_bytes(b"\x00no json {" * 20)


FILES = ["spots.npz", "embeddings.npy", "spots.h5ad", "recipes.json", "checksums.json"]


@pytest.mark.parametrize("harm", [halve, flip, scribble, Path.unlink])
@pytest.mark.parametrize("name", FILES)
def test_what_is_damaged_is_found_and_made_again(
    damaged: Workspace, tissue: PreparedSlide, name: str, harm: Callable[[Path], None]
) -> None:
    harm(damaged.folder("tissue") / name)
    assert verify_workspace(damaged)[0].faults
    again = prepare(damaged, "tissue")
    assert np.allclose(again.adata.obsm["X_joint"], tissue.adata.obsm["X_joint"], atol=1e-5)
    assert [verdict.faults for verdict in verify_workspace(damaged)] == [(), ()]


def test_only_what_is_damaged_and_what_follows_is_made_again(
    damaged: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    halve(damaged.folder("tissue") / "spots.h5ad")
    stages: list[str] = []
    with caplog.at_level(logging.WARNING):
        prepare(damaged, "tissue", progress=lambda stage, _done, _total: stages.append(stage))
    assert "lay spots" not in stages and "embed tiles" not in stages and "infer expression" in stages
    assert "spots.h5ad of tissue has" in caplog.text and "made again" in caplog.text


def test_a_cut_slide_is_not_opened_as_if_it_were_whole(damaged: Workspace) -> None:
    halve(damaged.folder("tissue") / "spots.h5ad")
    assert damaged.get("tissue").state == "tiled"
    with pytest.raises(SlideError, match="prepare it first"):
        load_prepared(damaged, "tissue")


def test_a_changed_file_of_the_same_size_is_refused_with_the_cure(damaged: Workspace) -> None:
    flip(damaged.folder("tissue") / "spots.h5ad")
    with pytest.raises(SlideError, match=r"spots\.h5ad is not what was written.*prepare tissue"):
        load_prepared(damaged, "tissue")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"path": 3}', '{"path": "x", "options": {"a": 1}, "facts": {}}']
)
def test_a_damaged_slide_json_hides_one_slide_and_breaks_nothing(damaged: Workspace, he_png: Path, text: str) -> None:
    (damaged.folder("tissue") / "slide.json").write_text(text)
    assert damaged.slides() == []
    assert "slide.json" in verify_workspace(damaged)[0].faults[0]
    assert damaged.find(str(he_png)).name == "tissue"  # its folder is free again


def test_a_stale_recipe_is_noticed(damaged: Workspace) -> None:
    recipes = damaged.folder("tissue") / "recipes.json"
    write_json(recipes, read_json(recipes) | {"joint": "0123456789abcdef"})
    assert "older code: joint" in verify_workspace(damaged)[0].faults[0]
    prepare(damaged, "tissue")
    assert verify_workspace(damaged)[0].faults == ()


def test_rows_that_disagree_are_noticed(damaged: Workspace) -> None:
    path = damaged.folder("tissue") / "embeddings.npy"
    np.save(path, np.load(path)[:-1])
    seal(path)  # as if this were what the stage wrote
    assert "embeddings.npy has" in verify_workspace(damaged)[0].faults[0]


def test_repair_mends_all_of_it(damaged: Workspace) -> None:
    folder = damaged.folder("tissue")
    flip(folder / "spots.npz")
    (folder / ".spots.999999999-abcdef12.part.npz").write_bytes(b"half")
    shutil.rmtree(damaged.root / "chroma")
    found = verify_workspace(damaged)
    assert all(verdict.faults for verdict in found)
    said = repair(damaged, found, Runtime(), lambda *_: None)
    assert "tissue is whole again" in said and "removed 1 half-written files" in said
    assert [verdict.faults for verdict in verify_workspace(damaged)] == [(), ()]


def test_the_command_line_verifies_and_repairs(damaged: Workspace) -> None:
    halve(damaged.folder("tissue") / "embeddings.npy")

    def doctor(flag: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "app.py", "doctor", flag, "--workspace", str(damaged.root)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    sick = doctor("--verify")
    assert sick.returncode == 2 and "NO  verify tissue: embeddings.npy has" in sick.stdout
    assert "python app.py prepare tissue" in sick.stdout
    mended = doctor("--repair")
    assert "ok  verify tissue: whole" in mended.stdout and "tissue is whole again" in mended.stderr


HARMS: dict[str, Callable[[Path], None]] = {
    "deleted": lambda chroma: shutil.rmtree(chroma),
    "database lost": lambda chroma: (chroma / "chroma.sqlite3").unlink(),
    "database cut": lambda chroma: halve(chroma / "chroma.sqlite3"),
    "database overwritten": lambda chroma: (chroma / "chroma.sqlite3").write_bytes(b"x" * 4096),
    "database empty": lambda chroma: (chroma / "chroma.sqlite3").write_bytes(b""),
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_a_broken_index_is_built_again_by_the_search(
    damaged: Workspace, harm: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.search.EXACT_SPOTS", 0)  # so that few spots are searched through the index as well
    before = search_workspace(damaged, "epithelium", 5, "fake", Runtime())
    from tools.index import discard

    kept = (damaged.root / "chroma").rename(damaged.root / "aside")
    discard(damaged.root / "chroma")  # another process: no client is kept open
    kept.rename(damaged.root / "chroma")
    harm(damaged.root / "chroma")
    assert search_workspace(damaged, "epithelium", 5, "fake", Runtime()) == before
    assert verify_workspace(damaged)[0].faults == ()


def test_two_runs_of_one_slide_wait_for_each_other(damaged: Workspace) -> None:
    (damaged.folder("tissue") / "spots.npz").unlink()
    reports: list[str] = []
    with damaged.lock("tissue"):
        second = threading.Thread(
            target=prepare, args=(damaged, "tissue"), kwargs={"progress": lambda stage, *_: reports.append(stage)}
        )
        second.start()
        while WAITING not in reports:
            second.join(0.02)
        assert set(reports) == {WAITING}
    second.join()
    assert "lay spots" in reports


def test_parts_of_living_writers_are_not_swept(tmp_path: Path) -> None:
    dead = tmp_path / "deep" / ".value.999999999-00ff00ff.part.json"
    dead.parent.mkdir()
    dead.write_text("half")
    with atomic(tmp_path / "deep" / "value.json") as part:
        part.write_text("{}")
        assert sweep(tmp_path) == [dead] and part.exists() and LEFT.fullmatch(part.name)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["value.json"]


def test_two_threads_may_write_one_file(tmp_path: Path) -> None:
    path, gate = tmp_path / "value.json", threading.Barrier(8)

    def write(number: int) -> None:
        gate.wait(timeout=30)
        for _ in range(20):
            write_json(path, {"by": number})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_json(path)["by"] in range(8) and list(tmp_path.iterdir()) == [path]


def test_a_checksum_is_not_read_again_while_size_and_time_stay(tmp_path: Path) -> None:
    path = tmp_path / "value.bin"
    path.write_bytes(b"x" * 1000)
    seal(path)
    assert damage(path) == damage(path, thorough=True) == ""
    path.touch()
    assert damage(path) == ""  # another time, the same bytes
    flip(path)
    assert "checksum differs" in damage(path)
