from pathlib import Path

import numpy as np
import pytest

from agent.events import Answer, Progress, ToolFinished
from settings import Settings
from tools.prepared import PreparedSlide
from tools.regions import region as make_region
from tools.workspace import PrepareOptions, SlideState, Workspace
from viewer.board import Board
from viewer.shelf import Shelf
from viewer.visit import Visit
from viewer.visitor import new_token
from viewer.visits import MOST_VISITS, Visits


class Scripted:
    """A conversation whose events are written down."""

    def __init__(self, *events):
        self.events = events

    def ask(self, _question: str, _name: str = "", _by: str = ""):
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event

    def dump(self):
        return []


ADA, BOB = new_token(), new_token()


@pytest.fixture
def workspace(tmp_path: Path, fake_workspace: Workspace) -> Workspace:
    """The prepared slide in a workspace to write to."""
    (tmp_path / "slides").symlink_to(fake_workspace.root / "slides")
    return Workspace(tmp_path)


def visits_of(workspace: Workspace) -> Visits:
    return Visits(Settings(workspace=workspace.root, models="fake"), workspace, Shelf(workspace))


@pytest.fixture
def visits(workspace: Workspace) -> Visits:
    return visits_of(workspace)


def opened(visits: Visits, visitor: str = ADA) -> Visit:
    visit = visits.begin(visitor)
    visit.open("tissue")
    return visit


def add_findings(visit: Visit, words: str = "epidermis") -> list[dict]:
    slide = visit.session.slide
    scores = slide.text_scores(words)
    layer = visit.session.add_layer(words, "score", scores)
    regions = visit.session.add_regions([make_region("", words, scores.argsort()[-4:], slide.spots)])
    return [
        {"kind": "layer", "layer": layer.id},
        {"kind": "regions", "regions": [found.id for found in regions]},
        {"kind": "genes", "region": "r1", "versus": "rest", "rows": []},
    ]


def find(visit: Visit, words: str = "epidermis") -> None:
    visit.conversation = Scripted(ToolFinished("1", "t", {}, "done", add_findings(visit, words)), Answer("In r1."))
    list(visit.ask(words))


def test_findings_of_a_tool_reach_the_slide(visits: Visits):
    visit = opened(visits)
    before = visit.version
    visit.conversation = Scripted(
        Progress("score", 1, 2), ToolFinished("1", "t", {}, "done", add_findings(visit)), Answer("In r1.", ("more",))
    )
    assert [changed for _, changed in visit.ask("epidermis")] == [False, False, True, False]
    assert visit.version > before
    assert (visit.board.left, list(visit.board.regions), visit.board.genes["region"]) == ("l1", ["r1"], "r1")
    assert "[r1](#r1)" in visit.transcript.messages[-1]["content"]


def test_visitors_do_not_see_each_other(visits: Visits):
    ada, bob = opened(visits, ADA), opened(visits, BOB)
    find(ada)
    visits.keep(ADA, ada)
    assert bob.board == Board()
    assert visits.of(BOB, ada.name) is None
    assert visits.of(None, ada.name) is None
    assert visits.of(ADA, ada.name) is ada
    assert visits.archive.list(BOB) == []


def test_a_conversation_is_found_again_by_another_server(workspace: Workspace):
    first = visits_of(workspace)
    visit = opened(first)
    find(visit)
    visit.board.draw_regions(
        visit.session.add_regions([make_region("", "mine", np.arange(5), visit.session.slide.spots)])
    )
    visit.select("r2")
    first.keep(ADA, visit)
    second = visits_of(workspace)
    again = second.latest(ADA)
    assert again is not None
    assert again.name == visit.name
    assert again.transcript.messages == visit.transcript.messages
    assert (again.slide, again.board.left, list(again.board.regions)) == ("tissue", "l1", ["r1", "r2"])
    np.testing.assert_array_equal(again.board.layers["l1"].values, visit.board.layers["l1"].values)
    np.testing.assert_array_equal(again.session.selection, np.arange(5))
    assert again.session.regions.keys() == {"r1", "r2"}
    assert again.session.add_layer("x", "gene", again.board.layers["l1"].values).id == "l2"


def test_an_empty_conversation_is_not_kept_and_a_forgotten_one_is_gone(visits: Visits):
    visit = opened(visits)
    visits.keep(ADA, visit)
    assert visits.archive.list(ADA) == []
    find(visit)
    visits.keep(ADA, visit)
    assert [entry["title"] for entry in visits.archive.list(ADA)] == ["epidermis"]
    visits.forget(ADA, visit.name)
    assert visits.of(ADA, visit.name) is None


def test_the_cookie_of_a_visitor_is_written_nowhere(visits: Visits, workspace: Workspace):
    visit = opened(visits)
    find(visit)
    visits.keep(ADA, visit)
    files = list((workspace.root / "visitors").rglob("*"))
    assert any(path.name == "conversation.json" for path in files)
    assert not any(ADA in str(path) for path in files)
    assert not any(ADA.encode() in path.read_bytes() for path in files if path.is_file())


def test_only_so_many_visits_are_held(visits: Visits):
    for _ in range(MOST_VISITS + 5):
        visits.begin(ADA)
    assert len(visits) == MOST_VISITS


def test_what_was_found_on_a_slide_waits_there(visits: Visits, he_png: Path):
    visit = opened(visits)
    findings = add_findings(visit)

    class Switching(Scripted):
        def ask(self, _question, *_named):
            yield ToolFinished("1", "t", {}, "done", findings)
            visit.session.show(str(he_png), None)
            yield ToolFinished("2", "open_slide", {}, "open", [{"kind": "slide", "slide": "other"}])

    visit.conversation = Switching()
    *_, (_, changed) = visit.ask("open other")
    assert changed
    assert (visit.slide, visit.board) == ("other", Board())
    visit.open("tissue")
    assert (visit.board.left, list(visit.session.regions)) == ("l1", ["r1"])


def test_a_new_grid_is_said_to_be_everybodys_and_takes_findings_with_it(visits: Visits):
    visit = opened(visits)
    find(visit)

    class Tiling(Scripted):
        def ask(self, _question, *_named):
            visit.session.show("tissue", None)
            yield ToolFinished("1", "tile_slide", {}, "200 spots.", [{"kind": "slide", "slide": "tissue"}])

    visit.conversation = Tiling()
    list(visit.ask("tile"))
    assert "everyone" in visit.transcript.messages[-1]["content"]
    assert visit.board == Board()


def test_an_unprepared_slide_is_said_to_be_so(tmp_path: Path, he_png: Path):
    workspace = Workspace(tmp_path)
    workspace.register(SlideState("plain", he_png, PrepareOptions(), "new"))
    workspace.register(SlideState("scaled", he_png, PrepareOptions(mpp=0.5), "new"))
    visit = visits_of(workspace).begin(ADA)
    visit.open("plain")
    assert "pixel size" in visit.transcript.messages[-1]["content"]
    assert "mpp" in visit.transcript.suggestions[0]
    visit.open("scaled")
    assert "no expression" in visit.transcript.messages[-1]["content"]
    assert "nfer expression" in visit.transcript.suggestions[0]


def test_examples_name_only_a_gene_that_is_predicted(visits: Visits, tissue: PreparedSlide):
    *_, gene = opened(visits).transcript.suggestions
    assert gene.removeprefix("Show ") in tissue.adata.var_names


def test_what_breaks_is_a_sentence_and_the_conversation_goes_on(visits: Visits, caplog: pytest.LogCaptureFixture):
    visit = opened(visits)
    visit.conversation = Scripted(RuntimeError("a bug"))
    list(visit.ask("boom"))
    assert "broke" in visit.transcript.messages[-1]["content"]
    assert "a bug" in caplog.text
    visit.conversation = Scripted(Answer("fine"))
    list(visit.ask("again"))
    assert visit.transcript.messages[-1]["content"] == "fine"


def test_a_second_question_waits_for_the_first(visits: Visits):
    visit = opened(visits)
    visit.conversation = Scripted(Progress("x", 1, 2), Answer("first"))
    first = visit.ask("first")
    next(first)
    assert visit.busy
    assert list(visit.ask("second")) == []
    list(first)
    assert not visit.busy
    assert visit.transcript.messages[-1]["content"] == "first"


def test_stopping_ends_the_turn_and_frees_the_visit(visits: Visits):
    visit = opened(visits)
    visit.conversation = Scripted(Progress("x", 1, 2), Answer("unheard"))
    turn = visit.ask("first")
    next(turn)
    visit.stop()
    list(turn)
    assert visit.transcript.messages[-1]["content"] == "Stopped."
    visit.conversation = Scripted(Answer("heard"))
    list(visit.ask("second"))
    assert visit.transcript.messages[-1]["content"] == "heard"


def test_regions_are_renamed_and_removed_for_the_chat_too(visits: Visits):
    visit = opened(visits)
    find(visit)
    visit.rename_region("r1", "surface")
    assert visit.session.regions["r1"].query == visit.board.regions["r1"].query == "surface"
    visit.select("r1")
    visit.drop_region("r1")
    assert (visit.session.regions, visit.board.regions, visit.session.selection) == ({}, {}, None)
