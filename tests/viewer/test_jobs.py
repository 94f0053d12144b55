import threading
from pathlib import Path

import pytest

from tests.synthetic import MPP
from tools.prepare import PrepareOptions, Runtime
from tools.workspace import SlideState, Workspace
from viewer.jobs import Job, Jobs, _CancelledError

OPTIONS = PrepareOptions(mpp=MPP, models="fake")


@pytest.fixture
def workspace(tmp_path: Path, he_png: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.register(SlideState("one", he_png, OPTIONS, "new"))
    return workspace


def finished(jobs: Jobs) -> None:
    jobs._pool.submit(lambda: None).result(timeout=120)


def test_a_job_prepares_its_slide_and_says_so(workspace: Workspace):
    jobs = Jobs(workspace, Runtime("cpu"))
    heard: list[str] = []
    job = jobs.start("one", OPTIONS, lambda: heard.append("done"))
    finished(jobs)
    assert (job.state, workspace.get("one").state, heard) == ("done", "prepared", ["done"])
    jobs.close()


def test_what_cannot_be_prepared_fails_with_a_sentence(workspace: Workspace):
    jobs = Jobs(workspace, Runtime("cpu"))
    workspace.register(SlideState("gone", workspace.root / "gone.png", OPTIONS, "new"))
    job = jobs.start("gone", OPTIONS)
    finished(jobs)
    assert job.state == "failed"
    assert "gone.png" in job.sentence
    jobs.close()


def test_a_stopped_job_ends_at_its_next_step_and_can_go_on(workspace: Workspace):
    jobs = Jobs(workspace, Runtime("cpu"))
    gate = threading.Event()
    jobs._pool.submit(gate.wait)
    job = jobs.start("one", OPTIONS)
    jobs.stop("one")
    gate.set()
    finished(jobs)
    assert job.state == "stopped"
    assert workspace.get("one").state != "prepared"
    again = jobs.start("one", OPTIONS)
    finished(jobs)
    assert (again.state, workspace.get("one").state) == ("done", "prepared")
    jobs.close()


def test_progress_is_counted_with_the_time_that_is_left():
    job = Job("one", "running")
    job.report("embed tiles", 100, 400)
    assert job.as_dict()["left_s"] is None  # what was done before says nothing about speed
    job.since -= 10
    job.report("embed tiles", 200, 400)
    told = job.as_dict()
    assert (told["number"], told["done"], told["total"]) == (3, 200, 400)
    assert told["left_s"] == pytest.approx(20, abs=2)
    job.stop.set()
    with pytest.raises(_CancelledError):
        job.report("embed tiles", 201, 400)
