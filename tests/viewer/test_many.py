"""Many people at one server: places in line, slow slides beside quick questions, quotas, idle visits, memory."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent import loop, session
from agent.events import Answer, ToolFinished, ToolStarted
from agent.loop import Conversation
from agent.session import Session, Turn
from settings import Settings
from tests.synthetic import write_he_png
from tools.prepared import PreparedSlide
from tools.regions import region as make_region
from tools.workspace import Workspace
from viewer.closing import STOPPED, wind_up
from viewer.handlers import Handlers, waiting
from viewer.intake import Intake, Quota, TooLarge
from viewer.jobs import Jobs
from viewer.routes import OPENSEADRAGON
from viewer.server import build_app
from viewer.shelf import Shelf
from viewer.turns import Lane, Ticket, TooManyError, Turns
from viewer.visitor import COOKIE, new_token
from viewer.visits import Visits

needs_page = pytest.mark.skipif(
    not OPENSEADRAGON.is_file(), reason="OpenSeadragon is not set up; `make setup` brings it"
)


def test_a_lane_serves_in_order_and_says_the_place() -> None:
    async def run() -> tuple[list[int], list[str]]:
        lane, places, served = Lane(2, 10), [], []
        first, second, third, fourth = (lane.join() for _ in range(4))

        async def go(name: str, ticket) -> None:
            async for place in lane.until_inside(ticket):
                if name == "fourth":
                    places.append(place)
            served.append(name)

        waits = [asyncio.create_task(go(*pair)) for pair in (("third", third), ("fourth", fourth))]
        await asyncio.sleep(0.05)
        assert (lane.inside, lane.waiting, served) == (2, 2, [])
        lane.leave(first)
        await asyncio.sleep(0.05)
        assert served == ["third"]
        lane.leave(third)
        lane.leave(third)  # twice does no harm
        await asyncio.gather(*waits)
        lane.leave(second)
        lane.leave(fourth)
        assert (lane.inside, lane.waiting) == (0, 0)
        return places, served

    places, served = asyncio.run(run())
    assert places[0] == 2 and served == ["third", "fourth"]


def test_who_goes_away_from_the_line_holds_nobody_up() -> None:
    lane = Lane(1, 2)
    inside, gone, last = lane.join(), lane.join(), lane.join()
    with pytest.raises(TooManyError):
        lane.join()
    lane.leave(gone)
    lane.leave(inside)
    assert (lane.inside, lane.waiting) == (1, 0)
    lane.leave(last)


class Request:
    """What a handler reads of Gradio's request."""

    def __init__(self) -> None:
        self.cookies = {COOKIE: new_token()}
        self.headers = {"x-request-id": new_token()[:16]}
        self.query_params: dict[str, str] = {}


class Desk:
    """Handlers over visits, without a browser."""

    def __init__(self, workspace: Workspace, at_once: int) -> None:
        settings = Settings(workspace=workspace.root, models="fake", audit=False)
        self.visits, self.turns = Visits(settings, workspace, Shelf(workspace)), Turns(at_once, 100)
        page = type("Page", (), {name: name for name in ("visit", "slide", "chat", "chips", "box", "send", "stop")})()
        self.handlers = Handlers(page, self.visits, workspace, self.turns)

    def visit(self, request: Request):
        visit = self.visits.begin(request.cookies[COOKIE])
        visit.open("tissue")
        return visit


@pytest.fixture
def workspace(fake_workspace: Workspace, tmp_path: Path) -> Workspace:
    (tmp_path / "slides").symlink_to(fake_workspace.root / "slides")
    return Workspace(tmp_path)


def test_twelve_visitors_ask_at_once_and_each_hears_its_own_answer(workspace: Workspace) -> None:
    desk, words = Desk(workspace, 2), ("stroma", "epithelium", "fat")

    async def one(n: int) -> tuple[list[str], str]:
        request = Request()
        visit = desk.visit(request)
        seen = [
            update["chat"][-1]["content"]
            async for update in desk.handlers.ask(f"heat map of {words[n % 3]}", visit.name, request)
            if "chat" in update
        ]
        messages = [m["content"] for m in visit.transcript.messages if m["role"] == "user"]
        assert messages == [f"heat map of {words[n % 3]}"]
        assert [layer.title for layer in visit.board.layers.values()] == [words[n % 3]]
        return seen, seen[-1]

    async def all_of_them() -> list[tuple[list[str], str]]:
        return await asyncio.gather(*(one(n) for n in range(12)))

    found = asyncio.run(all_of_them())
    assert all(words[n % 3] in last for n, (_, last) in enumerate(found))
    assert any("Place" in text and "in line" in text for seen, _ in found for text in seen)
    assert (desk.turns.answers.inside, desk.turns.answers.waiting) == (0, 0)


def test_a_slide_that_is_prepared_in_a_chat_holds_no_place_of_answers(workspace: Workspace) -> None:
    """One place for answers; a visitor prepares a slide in a turn that does not end until another was answered."""
    desk = Desk(workspace, 1)
    answered = asyncio.Event()

    async def run() -> None:
        slow_request, quick_request = Request(), Request()
        slow, quick = desk.visit(slow_request), desk.visit(quick_request)
        loop_ = asyncio.get_running_loop()

        class Preparing:
            def ask(self, _question, *_named):
                yield ToolStarted("1", "infer_expression", {})
                asyncio.run_coroutine_threadsafe(answered.wait(), loop_).result(60)
                yield ToolFinished("1", "infer_expression", {}, "ready")
                yield Answer("ready")

            def dump(self):
                return []

        slow.conversation = Preparing()

        async def ask(visit, request, question: str) -> None:
            async for _ in desk.handlers.ask(question, visit.name, request):
                pass

        first = asyncio.create_task(ask(slow, slow_request, "prepare it"))
        while not desk.turns.preparing.inside:
            await asyncio.sleep(0.01)
        await ask(quick, quick_request, "where is the stroma?")
        answered.set()
        await first
        assert slow.transcript.messages[-1]["content"] == "ready"

    asyncio.run(run())
    assert (desk.turns.preparing.inside, desk.turns.answers.inside) == (0, 0)


def test_a_browser_that_goes_away_frees_its_place(workspace: Workspace) -> None:
    desk = Desk(workspace, 1)

    async def run() -> None:
        request = Request()
        visit = desk.visit(request)
        turn = desk.handlers.ask("where is the stroma?", visit.name, request)
        await anext(turn)
        await anext(turn)
        assert desk.turns.answers.inside == 1 and visit.busy
        await turn.aclose()
        assert not visit.busy

    asyncio.run(run())
    assert desk.turns.answers.inside == 0


def test_who_does_not_want_to_wait_leaves_no_question_behind(workspace: Workspace) -> None:
    desk = Desk(workspace, 1)

    async def run() -> None:
        holder, request = desk.turns.answers.join(), Request()
        visit = desk.visit(request)
        seen = []

        async def ask() -> None:
            async for update in desk.handlers.ask("where is the stroma?", visit.name, request):
                seen.append(update)

        asking = asyncio.create_task(ask())
        while len(seen) < 2:
            await asyncio.sleep(0.01)
        assert visit.busy and desk.turns.answers.waiting == 1
        await desk.handlers.stop(visit.name, request)
        await asking
        assert visit.transcript.messages == [] and not visit.busy
        assert (desk.turns.answers.inside, desk.turns.answers.waiting) == (1, 0)
        desk.turns.answers.leave(holder)

    asyncio.run(run())


def test_no_question_is_taken_while_the_server_ends(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(workspace, 1)
    visit = desk.visit(Request())
    assert desk.handlers._refusal(visit) is None
    desk.turns.closed = True
    assert "being stopped" in str(desk.handlers._refusal(visit))
    desk.turns.closed = False
    monkeypatch.setattr("viewer.handlers.MOST_ASKED", 0)
    assert "begin a new one" in str(desk.handlers._refusal(visit))


def test_ending_waits_for_answers_and_tells_those_it_cannot_wait_for(workspace: Workspace) -> None:
    desk, ended = Desk(workspace, 1), []
    request = Request()
    visit = desk.visit(request)
    turn = visit.ask("where is the stroma?")
    next(turn)
    jobs = Jobs(workspace, visit.session.runtime)
    wind_up(desk.visits, desk.turns, jobs, 0.2, lambda: ended.append(True))
    assert ended == [True] and desk.turns.closed
    assert visit.transcript.messages[-1]["content"] == STOPPED
    kept = desk.visits.archive.read(request.cookies[COOKIE], visit.name)[0]
    assert kept["messages"][0]["content"] == "where is the stroma?"
    list(turn)


def test_the_place_is_shown_and_not_kept(workspace: Workspace) -> None:
    visit = Desk(workspace, 1).visit(Request())
    shown = waiting(visit, "where is <b>fat</b>?", 3)
    assert "2 questions are before yours" in shown[-1]["content"] and "<b>" not in shown[-2]["content"]
    assert "You are next" in waiting(visit, "x", 1)[-1]["content"]
    assert visit.transcript.messages == []


def test_idle_visits_leave_memory_and_come_back(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, request = Desk(workspace, 1), Request()
    visit, visitor = desk.visit(request), request.cookies[COOKIE]
    list(visit.ask("heat map of stroma"))
    desk.visits.keep(visitor, visit)
    assert desk.visits.sweep() == 0
    visit.used -= 60 * 61
    visit.waiting = Ticket()  # stands in line
    assert desk.visits.sweep() == 0
    visit.waiting = None
    assert (desk.visits.sweep(), len(desk.visits)) == (1, 0)
    again = desk.visits.of(visitor, visit.name)
    assert again is not None and again is not visit
    assert again.transcript.messages == visit.transcript.messages
    desk.visits._settings.keep_days = 0.0
    desk.visits.sweep()
    assert desk.visits.archive.list(visitor) == []


def test_a_conversation_holds_a_bounded_amount(
    fake_workspace: Workspace, tissue: PreparedSlide, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, most in (("MOST_LAYERS", 5), ("MOST_PICTURES", 4), ("MOST_REGIONS", 6), ("MOST_TURNS", 3)):
        monkeypatch.setattr(session, name, most)
    kept = Session(fake_workspace, slide=tissue, opened="tissue")
    for n in range(20):
        layer = kept.add_layer(f"map {n}", "score", tissue.text_scores("stroma"))
        kept.shown_layer = layer.id
        kept.add_picture("x", b"png", 1.0)
        region = kept.add_regions([make_region("", f"region {n}", np.arange(4), tissue.spots)])[0]
        kept.shown_regions = (region.id,)
        kept.add_turn(Turn(f"q{n}", "a", "tissue", (), layer))
    assert (len(kept.layers), len(kept.pictures), len(kept.regions), len(kept.turns)) == (5, 4, 6, 3)
    assert "l20" in kept.layers and "p20" in kept.pictures and "r20" in kept.regions
    assert kept.turns[-1].layer is layer


def test_a_conversation_remembers_so_many_questions_and_rewinds_right(
    fake_workspace: Workspace, tissue: PreparedSlide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "REMEMBERED", 3)
    talk = Conversation(Session(fake_workspace, slide=tissue, opened="tissue"), Settings(models="fake"))
    for n in range(5):
        list(talk.ask(f"hello {n}"))
    asked = [m["data"]["content"] for m in talk.dump() if m["type"] == "human"]
    assert asked == ["hello 2", "hello 3", "hello 4"]
    talk.rewind(4, asked=5)
    assert [m["data"]["content"] for m in talk.dump() if m["type"] == "human"] == ["hello 2", "hello 3"]


async def chunks(data: bytes):
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


def test_quotas_per_visitor_and_for_everybody(tmp_path: Path) -> None:
    picture = write_he_png(tmp_path / "x.png").read_bytes()
    mb = len(picture) / 1e6
    intake = Intake(Workspace(tmp_path / "ws"), "fake", (), Quota(100, round(2.5 * mb), round(4.5 * mb)))

    def bring(owner: str) -> None:
        asyncio.run(intake.take("a.png", chunks(picture), owner))

    bring("ada")
    bring("ada")
    with pytest.raises(TooLarge, match="one visitor"):
        bring("ada")
    bring("grace")
    bring("grace")
    with pytest.raises(TooLarge, match="this server keeps"):
        bring("lise")
    with pytest.raises(TooLarge, match=r"one visitor|this server keeps"):
        asyncio.run(intake.take("a.png", chunks(picture), "lise", expected=10**12))
    assert len(list((tmp_path / "ws" / "uploads").glob("[!.]*"))) == 4
    assert not list((tmp_path / "ws" / "uploads").glob("*.part"))


@pytest.fixture
def app(workspace: Workspace) -> Iterator[FastAPI]:
    async def build() -> FastAPI:
        return build_app(Settings(workspace=workspace.root, models="fake"))

    with ThreadPoolExecutor(1) as elsewhere:  # within a loop of its own: else Gradio makes some that nobody closes
        built = elsewhere.submit(lambda: asyncio.run(build())).result()
    yield built
    built.state.jobs.close()


@needs_page
def test_health_tells_how_busy_it_is_and_no_secret(app: FastAPI, workspace: Workspace) -> None:
    web = TestClient(app, base_url="http://localhost")
    found = web.get("/health")
    assert found.status_code == 200
    assert found.json()["checks"] == dict.fromkeys(("models", "chat_model", "disk", "taking_questions"), True)
    assert found.json()["questions"]["answers"] == {"running": 0, "waiting": 0, "at_once": 3}
    assert str(workspace.root) not in found.text
    app.state.turns.closed = True
    assert (web.get("/health/ready").status_code, web.get("/health/live").status_code) == (503, 200)
