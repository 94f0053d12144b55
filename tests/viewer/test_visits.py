from pathlib import Path

import pytest

from agent.events import Answer, Progress, ToolFinished
from agent.session import Layer
from settings import Settings
from tools.prepared import PreparedSlide
from tools.regions import Region
from tools.workspace import PrepareOptions, SlideState, Workspace
from viewer.shelf import Shelf
from viewer.visits import MOST_VISITS, PARTS, Visit, Visits


class Scripted:
    """A conversation whose events are written down."""

    def __init__(self, *events):
        self.events = events

    def ask(self, _question: str):
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event


@pytest.fixture
def visits(fake_workspace: Workspace) -> Visits:
    return Visits(Settings(workspace=fake_workspace.root, models="fake"), fake_workspace, Shelf(fake_workspace))


def opened(visits: Visits, key: str = "a") -> Visit:
    visit = visits.of(key)
    visit.open("tissue")
    return visit


def add_findings(visit: Visit) -> list[dict]:
    spots = visit.session.slide.spots
    scores = visit.session.slide.text_scores("epidermis")
    visit.session.layers["l1"] = Layer("l1", "epidermis", "score", "tissue", scores)
    visit.session.regions["r1"] = Region("r1", "epidermis", scores.argsort()[-4:], (spots.l0_xy[:3],), 1e5)
    return [{"kind": "layer", "layer": "l1"}, {"kind": "regions", "regions": ["r1"]}, {"kind": "genes", "rows": []}]


def test_findings_of_a_tool_reach_their_parts(visits: Visits):
    visit = opened(visits)
    visit.conversation = Scripted(
        Progress("score", 1, 2), ToolFinished("1", "t", {}, "done", add_findings(visit)), Answer("In r1.", ("more",))
    )
    parts = [changed for _, changed in visit.ask("epidermis")]
    assert parts == [{"chat"}, {"chat"}, {"chat", "layer", "regions", "genes"}, {"chat"}]
    assert (visit.layer, visit.shown) == ("l1", ["r1"])
    assert visit.transcript.messages[-1]["content"] == "In [r1](#r1)."


def test_visitors_do_not_see_each_other(visits: Visits):
    ada, bob = opened(visits, "ada"), opened(visits, "bob")
    ada.conversation = Scripted(ToolFinished("1", "t", {}, "done", add_findings(ada)), Answer("r1"))
    list(ada.ask("epidermis"))
    assert ada.session is not bob.session
    assert (bob.session.layers, bob.session.regions, bob.layer, bob.transcript.messages) == ({}, {}, None, [])
    assert visits.of("ada") is ada


def test_visits_end_when_their_page_closes_or_there_are_too_many(visits: Visits):
    visits.of("first")
    visits.leave("first")
    assert len(visits) == 0
    for number in range(MOST_VISITS + 5):
        visits.of(str(number))
    assert len(visits) == MOST_VISITS


def test_another_slide_takes_the_findings_with_it(visits: Visits, tissue: PreparedSlide, he_png: Path):
    visit = opened(visits)
    findings = add_findings(visit)

    class Switching(Scripted):
        def ask(self, _question):
            yield ToolFinished("1", "t", {}, "done", findings)
            visit.session.show(str(he_png), None)
            yield ToolFinished("2", "open_slide", {}, "open", [{"kind": "slide", "slide": "other"}])

    visit.conversation = Switching()
    *_, (_, changed) = visit.ask("open other")
    assert changed == PARTS
    assert (visit.slide, visit.layer, visit.regions, visit.genes) == ("other", None, [], {})


def test_an_unprepared_slide_is_said_to_be_so(tmp_path: Path, he_png: Path):
    workspace = Workspace(tmp_path)
    workspace.register(SlideState("plain", he_png, PrepareOptions(), "new"))
    workspace.register(SlideState("scaled", he_png, PrepareOptions(mpp=0.5), "new"))
    visits = Visits(Settings(workspace=tmp_path), workspace, Shelf(workspace))
    visit = visits.of("a")
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
