"""The trail of answers, and answers that are run again."""

import json
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from agent.answer_trail import Trail, code_version
from agent.loop import Conversation
from agent.replay import replay
from agent.session import Session
from agent.snapshot import pack, unpack
from app import app
from tests.agent.conftest import Settings
from tools.prepare import Runtime
from tools.prepared import PreparedSlide
from tools.workspace import Workspace


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    return Trail(tmp_path, by="test", chat_model="offline")


@pytest.fixture
def talk(session: Session, trail: Trail) -> Conversation:
    return Conversation(session, Settings(), trail=trail)


def test_an_entry_says_what_was_asked_of_what_and_by_which_models(
    talk: Conversation, trail: Trail, prepared: PreparedSlide
) -> None:
    last = list(talk.ask("where is the epidermis, and which genes mark it?", by="ada"))[-1]
    (entry,) = trail.entries()
    assert (entry["id"], entry["by"], entry["answer"]) == (last.id, "ada", last.text)
    assert [call["tool"] for call in entry["calls"]] == ["highlight_region", "top_genes"]
    assert all(len(call["sha256"]) == 64 and call["ms"] > 0 for call in entry["calls"])
    assert entry["calls"][0]["maps"]
    assert entry["slide"]["name"] == prepared.name and len(entry["slide"]["fingerprint"]) == 16
    assert entry["models"]["predictor"]["name"] == "fake-predictor"
    assert entry["code"] == code_version()


def test_every_answer_of_a_conversation_can_be_replayed_alone(
    talk: Conversation, trail: Trail, session: Session, workspace: Workspace
) -> None:
    session.selection = np.array([3, 1, 7])
    for question in ("where is the epidermis?", "which genes are high there?", "cluster the spots",
                     "which genes mark cluster 1?", "describe my selection", "zoom in on r1", "save it as csv",
                     "show me KRT5", "how far is it from the collagen?"):  # fmt: skip
        list(talk.ask(question))
    for entry in reversed(list(trail.entries())):
        found = replay(json.loads(json.dumps(entry)), workspace, Runtime())
        assert found.same and not found.notes, found
        assert found.compared + len(found.skipped) == len(entry["calls"])
    wrote = list((workspace.root / "exports").glob("*.csv"))
    assert [call["tool"] for call in list(trail.entries())[6]["calls"]] == ["export_result"]
    assert len(wrote) == 1 or len({path.stat().st_mtime for path in wrote}) == len(wrote)


def test_other_numbers_and_other_models_are_told(talk: Conversation, trail: Trail, workspace: Workspace) -> None:
    list(talk.ask("where is the epidermis?"))
    (entry,) = trail.entries()
    forged = json.loads(json.dumps(entry).replace(" mm2", "9 mm2"))
    forged["models"]["predictor"]["sha256"] = "0" * 64
    found = replay(forged, workspace, Runtime())
    assert not found.same and "is" in found.differences[0] and "now" in found.differences[0]
    assert any("predictor" in note for note in found.notes)
    other_map = json.loads(json.dumps(entry))
    other_map["calls"][0]["maps"] = dict.fromkeys(other_map["calls"][0]["maps"], "0")
    assert "another map" in replay(other_map, workspace, Runtime()).differences[0]


def test_the_command_ends_with_0_or_2(session: Session, workspace: Workspace, tmp_path: Path) -> None:
    trail = Trail(workspace.root)
    last = list(Conversation(session, Settings(), trail=trail).ask("where is the epidermis?"))[-1]
    run, where = CliRunner(), ["--workspace", str(workspace.root)]
    same = run.invoke(app, ["replay", "--last", *where])
    assert same.exit_code == 0 and "the same, 1 calls compared" in same.output
    assert run.invoke(app, ["replay", last.id, "--json", *where]).exit_code == 0
    file = tmp_path / "one.json"
    file.write_text(
        json.dumps(next(e for e in trail.entries() if e["id"] == last.id), indent=1).replace(" mm2", "9 mm2")
    )
    differs = run.invoke(app, ["replay", str(file), *where])
    assert differs.exit_code == 2 and "DIFFERS" in differs.output
    unknown = run.invoke(app, ["replay", "0" * 16, *where])
    assert unknown.exit_code == 2 and "no answer" in unknown.output


def _append(root: str, n: int) -> None:
    session = Session(Workspace(Path(root)))
    trail = Trail(Path(root))
    for i in range(20):
        trail.write(trail.begin(session), session, {"question": f"{n} {i}", "answer": "x" * 5_000}, ())


def test_lines_are_whole_however_many_write_and_whatever_was_cut_off(tmp_path: Path) -> None:
    processes = [get_context("spawn").Process(target=_append, args=(str(tmp_path), n)) for n in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    trail = Trail(tmp_path)
    assert len({entry["question"] for entry in trail.entries()}) == 40
    with (tmp_path / "audit" / "answers.jsonl").open("a") as stream:
        stream.write('{"id": "cut off, as by a ki')
    session = Session(Workspace(tmp_path))
    trail.write(trail.begin(session), session, {"question": "after", "answer": ""}, ())
    assert [entry["question"] for entry in trail.entries()][-1] == "after"
    assert len(list(trail.entries())) == 41


def test_the_trail_is_bounded(tmp_path: Path) -> None:
    trail, session = Trail(tmp_path, most_mb=0), Session(Workspace(tmp_path))
    for n in range(12):
        trail.write(trail.begin(session), session, {"question": str(n), "answer": ""}, ())
    assert [entry["question"] for entry in trail.entries()] == ["7", "8", "9", "10", "11"]
    assert len(list((tmp_path / "audit").glob("*.jsonl"))) == 5


def test_rows_survive_packing() -> None:
    for rows in ([], [0], [5, 2, 9], list(range(1000))):
        assert unpack(pack(np.array(rows, np.int64))).tolist() == rows
