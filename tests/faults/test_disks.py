"""Disks that are full or take nothing at all, in a mount namespace of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.synthetic import MPP
from tools.errors import SlideError
from tools.files import atomic, need_room
from tools.verify import verify_workspace
from tools.workspace import Workspace

ROOT = Path(__file__).parents[2]
UNSHARE = ["unshare", "--mount", "--map-root-user", "sh", "-c"]


@pytest.fixture(scope="module", autouse=True)
def may_mount(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("mount")
    if shutil.which("unshare") is None:
        pytest.skip("needs util-linux' unshare")
    if subprocess.run([*UNSHARE, f"mount -t tmpfs tmpfs {place}"], capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")


def on_disk(mount: str, *commands: str) -> list[subprocess.CompletedProcess[str]]:
    """Each command of the application after `mount`, in one namespace; exit codes and output of each."""
    done = []
    app = f"{sys.executable} {ROOT / 'app.py'}"
    for command in commands:
        script = f"{mount} && {app} {command}"
        done.append(subprocess.run([*UNSHARE, script], cwd=ROOT, capture_output=True, text=True))
    return done


@pytest.mark.parametrize("kib", [4, 24, 400, 1500, 5000])
def test_a_full_disk_is_one_sentence_and_nothing_half_written(tmp_path: Path, he_png: Path, kib: int) -> None:
    """From the first file to the index: the disk is a file of this size, which is looked at afterwards."""
    place, kept = tmp_path / "small", tmp_path / "kept"
    place.mkdir()
    prepare = f"prepare {he_png} --mpp {MPP} --models fake --workspace {place}"
    script = (
        f"mount -t tmpfs -o size={kib}k tmpfs {place} && {sys.executable} {ROOT / 'app.py'} {prepare}; code=$?; "
        f"cp -a {place} {kept}; exit $code"
    )
    done = subprocess.run([*UNSHARE, script], cwd=ROOT, capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if "cannot be written" in line]
    assert done.returncode == 2 and len(said) == 1, done.stderr
    assert "disk is full" in said[0] or "are free on this disk" in said[0]
    assert not list(kept.rglob(".*.part*")) and "Traceback" not in done.stderr
    again = [sys.executable, "app.py", *prepare.replace(str(place), str(kept)).split()]
    assert subprocess.run(again, cwd=ROOT, capture_output=True).returncode == 0
    assert [verdict.faults for verdict in verify_workspace(Workspace(kept))] == [(), ()]


def test_a_disk_that_is_full_when_the_index_is_written(tmp_path: Path, he_png: Path) -> None:
    chroma = tmp_path / "chroma"
    chroma.mkdir()
    small = f"mount -t tmpfs -o size=100k tmpfs {chroma}"
    (done,) = on_disk(small, f"prepare {he_png} --mpp {MPP} --models fake --workspace {tmp_path}")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"The index in {chroma} cannot be written: the disk is full" in done.stderr


def test_a_read_only_workspace_is_read_and_not_written(fake_workspace: Workspace, he_png: Path, tmp_path: Path) -> None:
    root = tmp_path / "frozen"
    shutil.copytree(fake_workspace.root, root)
    frozen = f"mount --bind {root} {root} && mount -o remount,ro,bind {root}"
    where = f"--workspace {root}"
    whole, score, other = on_disk(
        frozen,
        f"prepare tissue --mpp {MPP} --models fake {where}",
        f"score tissue epithelium {where}",
        f"prepare {he_png} --mpp {MPP} --models fake --pitch-um 90 {where}",
    )
    assert whole.returncode == 0 and "tissue" in whole.stdout, whole.stderr
    assert score.returncode == 0 and score.stdout.startswith("spot,x,y,epithelium")
    assert other.returncode == 2 and "read-only disk; choose another folder" in other.stderr
    assert "Traceback" not in other.stderr


def test_search_in_a_read_only_workspace_is_answered_or_said(fake_workspace: Workspace, tmp_path: Path) -> None:
    root = tmp_path / "frozen"
    shutil.copytree(fake_workspace.root, root)
    frozen = f"mount --bind {root} {root} && mount -o remount,ro,bind {root}"
    (done,) = on_disk(f"export SPOTWHISPERER_MODELS=fake && {frozen}", f"search epithelium --workspace {root}")
    assert done.returncode in (0, 2) and "Traceback" not in done.stderr
    assert "tissue" in done.stdout or "read-only" in done.stderr


def test_room_is_asked_for_before_a_large_file_is_begun(tmp_path: Path) -> None:
    with pytest.raises(SlideError, match="are free on this disk"):
        need_room(tmp_path / "new" / "large.h5ad", 1 << 60)
    need_room(tmp_path / "new" / "small.h5ad", 1)


def test_other_errors_are_not_called_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "value.json"):
        (tmp_path / "absent").read_bytes()
    with pytest.raises(SlideError, match="disk is full"), atomic(tmp_path / "value.json"):
        raise OSError(28, os.strerror(28))
    assert not list(tmp_path.iterdir())
