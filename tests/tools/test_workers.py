"""A cohort on one machine: whatever becomes of one slide, the others have their turn."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import anndata
import numpy as np
import pytest
from PIL import Image

from tests.synthetic import MPP, he_pixels
from tests.test_app import ROOT, run
from tools.forecast import Forecast
from tools.manifest import Entry, read_manifest
from tools.outcome import Outcome, Pulse, pulse_file, table
from tools.prepare import PrepareOptions, Runtime, prepare
from tools.search import search_workspace
from tools.workers import prepare_here
from tools.workspace import Workspace


def cut_slides(folder: Path, n: int = 3) -> Path:
    """`n` different slides, and one that is no image."""
    folder.mkdir()
    for i in range(n):
        Image.fromarray(he_pixels()[:, i * 60 :]).save(folder / f"s{i}.png")
    (folder / "broken.svs").write_text("This is no slide.")
    return folder


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SPOTWHISPERER_MODELS", "fake")
    monkeypatch.setenv("SPOTWHISPERER_WORKSPACE", str(tmp_path / "workspace"))
    return tmp_path


def test_a_cohort_on_the_command_line(fake: Path) -> None:
    folder = cut_slides(fake / "slides")
    done = run("prepare", str(folder), "--mpp", "1", "--json")
    assert done.exit_code == 2  # one of them failed
    found = {row["slide"]: row for row in json.loads(done.stdout)}
    assert {name: row["state"] for name, row in found.items()} == {
        "broken": "failed",
        "s0": "prepared",
        "s1": "prepared",
        "s2": "prepared",
    }
    assert "not an image" in found["broken"]["error"] and found["broken"]["folder"] is None
    workspace = Workspace(fake / "workspace")
    assert {state.name: state.facts["spots"] for state in workspace.slides()} == {
        name: row["spots"] for name, row in found.items() if row["spots"]
    }
    alone = Workspace(fake / "alone")
    prepare(alone, str(folder / "s1.png"), PrepareOptions(MPP, models="fake"))
    ours, theirs = (anndata.read_h5ad(w.folder("s1") / "spots.h5ad") for w in (workspace, alone))
    assert np.array_equal(ours.X, theirs.X) and np.array_equal(ours.obsm["X_joint"], theirs.obsm["X_joint"])
    assert {hit.slide for hit in search_workspace(workspace, "epidermis", 300, "fake", Runtime())} == {"s0", "s1", "s2"}
    with (workspace.root / "cohort.csv").open() as stream:
        assert [row["state"] for row in csv.DictReader(stream)] == ["failed", "prepared", "prepared", "prepared"]
    again = run("prepare", str(folder), "--mpp", "1")
    assert again.exit_code == 2 and again.stdout.count("unchanged") == 3 and "1 failed" in again.stderr


def test_a_slide_that_kills_its_process_is_said_and_the_others_go_on(
    fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = read_manifest([str(cut_slides(fake / "slides", 2))], Workspace(fake / "w"), PrepareOptions(MPP))
    monkeypatch.setattr("tools.workers.prepare_entry", dies_of_s0)
    found = {outcome.slide: outcome for outcome in prepare_here(Workspace(fake / "w"), entries, Runtime())}
    assert found["s0"].state == "failed" and "died" in found["s0"].error
    assert found["s1"].state == "prepared"
    assert "ZeroDivisionError" in found["broken"].error and "ZeroDivisionError" in found["broken"].trace


def dies_of_s0(workspace: Workspace, entry: Entry, runtime: Runtime) -> Outcome:
    if entry.name == "s0":
        os.kill(os.getpid(), signal.SIGKILL)
    if entry.name == "broken":
        raise ZeroDivisionError
    return Outcome(entry.name, str(entry.state.path), "prepared", 1.0, 5, 6)


def test_after_a_kill_nothing_goes_on_and_a_second_run_finishes(fake: Path) -> None:
    folder, workspace = cut_slides(fake / "slides", 2), fake / "workspace"
    command = [sys.executable, str(ROOT / "app.py"), "prepare", str(folder), "--mpp", "1", "--pitch-um", "20"]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(workspace.glob("slides/*/.lock")):
        assert time.monotonic() < deadline and first.poll() is None
        time.sleep(0.05)
    first.kill()
    first.wait()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)  # would hang if a lock were still held
    assert done.returncode == 2 and done.stdout.count("prepared") + done.stdout.count("unchanged") == 2
    assert len({state.name for state in Workspace(workspace).slides() if state.state == "prepared"}) == 2


def test_unknown_engines_and_missing_models_are_refused_before_anything_is_done(fake: Path) -> None:
    folder = cut_slides(fake / "slides", 1)
    for flags, said in ((["--engine", "spark"], "known: local, ray"), (["--models", "paper"], "h-optimus-0")):
        done = run("prepare", str(folder), *flags)
        assert done.exit_code == 2 and said in done.stderr and not (fake / "workspace").exists()


def test_time_left_goes_by_spots_and_by_bytes_where_these_are_unknown(tmp_path: Path) -> None:
    entries = [
        Entry(state, state.options, size)
        for state, size in (
            (Workspace(tmp_path).find(str(_file(tmp_path / f"{name}.svs"))), size)
            for name, size in (("a", 100), ("b", 300), ("c", 600))
        )
    ]
    forecast = Forecast(Workspace(tmp_path), entries)
    assert forecast.left_s() is None
    forecast._start -= 10
    forecast.finish(Outcome("a", "", "prepared", 10.0, spots=50))
    per_spot = 10 / 50
    assert forecast.left_s() == pytest.approx(per_spot * 450, rel=0.01)
    pulse = Pulse(pulse_file(Workspace(tmp_path), "b"))
    pulse("embed tiles", 100, 150)  # it went on from 100
    assert forecast.left_s() == pytest.approx(per_spot * (50 + 0.5 * 600), rel=0.01)
    pulse.end()
    for name in ("b", "c"):
        forecast.finish(Outcome(name, "", "failed", 1.0))
    assert forecast.left_s() == 0


def _file(path: Path) -> Path:
    path.write_text("x")
    return path


def test_the_table_puts_failures_last() -> None:
    rows = [Outcome("b", "", "failed", 0.1, error="It is broken."), Outcome("c", "", "prepared", 2.0, 1234, 60)]
    lines = table(rows).splitlines()
    assert lines[0].startswith("slide") and "1,234" in lines[1] and lines[2].endswith("It is broken.")
