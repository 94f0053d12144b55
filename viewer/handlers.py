"""What happens in the conversation: each handler updates the components that changed and leaves the rest."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import gradio as gr
from anyio import CancelScope, CapacityLimiter, to_thread

from agent.events import AnswerDelta, Event, Progress, ToolFinished, ToolStarted
from tools.errors import ModelUnavailable, SlideError
from tools.workspace import Workspace
from viewer import fragments
from viewer.inert import inert, readable
from viewer.page import SHOW_ANSWER, Page
from viewer.turns import Ticket, TooManyError, Turns
from viewer.visit import Visit
from viewer.visitor import asker, visitor_of
from viewer.visits import Visits

Update = dict[Any, Any]
Step = tuple[Event | None, bool]

EVERY_SECONDS = 0.12  # words and progress that follow each other faster are shown together
MOST_ASKED = 300  # questions of one conversation
CLOSING = "The server is being stopped; ask again in a few minutes. What was said is kept."
FULL = "So many questions wait already that yours was not taken; ask again in a few minutes."
LONG = f"This conversation has {MOST_ASKED} questions; begin a new one, this one is kept."
SLOW = ("infer_expression", "tile_slide")  # tools that take minutes
NO_COOKIE = "This page keeps its place in a cookie, and your browser refuses it; allow it for this address."


class Handlers:
    """The page's handlers, bound to its components and to the visits of this server."""

    def __init__(self, page: Page, visits: Visits, workspace: Workspace, turns: Turns) -> None:
        self.page = page
        self.visits = visits
        self.workspace = workspace
        self.turns = turns
        self._threads: CapacityLimiter | None = None  # of turns alone, so that they never use up those of the routes

    def connect(self, blocks: gr.Blocks) -> None:
        """Wire every event; call inside the `gr.Blocks`."""
        page = self.page
        quiet: dict[str, Any] = {
            "outputs": page.components(),
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        turn: dict[str, Any] = quiet | {"concurrency_limit": None}  # `Turns` lets them in, and tells them their place
        blocks.load(self.arrive, **quiet)
        turns = [
            gr.on([page.box.submit, page.send.click], self.ask, [page.box, page.visit], **turn),
            page.chips.select(self.ask_chip, [page.visit], **turn),
            page.slide.select(self.ask_chip, [page.visit], **turn),
            page.chat.edit(self.edit, [page.visit], **turn),
            page.chat.retry(self.retry, [page.visit], **turn),
        ]
        for turn_over in turns:
            turn_over.then(None, js=SHOW_ANSWER)
        page.stop.click(self.stop, [page.visit], cancels=turns, **quiet)
        page.slide.submit(self.go, [page.visit], cancels=turns, **quiet)

    def arrive(self, request: gr.Request) -> Update:
        """A page was opened: take up the conversation that its address names, else the visitor's last one."""
        visitor = visitor_of(request.cookies)
        if visitor is None:
            raise gr.Error(NO_COOKIE)
        visit = self.visits.of(visitor, request.query_params.get("chat"))
        wanted = request.query_params.get("slide")
        if visit is None and wanted is None:
            visit = self.visits.latest(visitor)
        if visit is None:
            visit = self.visits.begin(visitor)
            self._open(visit, wanted or self._first())
        return self._show(visit) | self._idle(visit)

    def go(self, name: str, event: gr.EventData, request: gr.Request) -> Update:
        """The person went elsewhere: to another slide, a new conversation, or an earlier one."""
        data = event._data
        visitor, visit = self._visit(name, request)
        match data.get("do"):
            case "open":
                if visit.busy:
                    visit.stop()
                self._open(visit, str(data["slide"]))
                self.visits.keep(visitor, visit)
            case "begin":
                slide = visit.slide
                visit = self.visits.begin(visitor)
                self._open(visit, slide or self._first())
            case "resume":
                visit = self.visits.of(visitor, str(data["visit"])) or visit
        return self._show(visit) | self._idle(visit)

    async def stop(self, name: str, request: gr.Request) -> Update:
        """The person interrupted the turn."""
        visitor, visit = await to_thread.run_sync(self._visit, name, request)
        if visit.waiting is not None:
            self.turns.answers.leave(visit.waiting)
            visit.waiting = None
        else:
            visit.stop()
        await to_thread.run_sync(self.visits.keep, visitor, visit)
        return self._show(visit) | self._idle(visit, over=True)

    async def ask_chip(self, name: str, event: gr.EventData, request: gr.Request) -> AsyncIterator[Update]:
        """A suggestion, or a button of the slide's side, asks something."""
        async for update in self.ask(str(event._data["ask"]), name, request):
            yield update

    async def edit(self, name: str, event: gr.EditData, request: gr.Request) -> AsyncIterator[Update]:
        """The person changed an earlier question: the conversation goes on from there."""
        async for update in self._again(event.index, str(event.value), name, request):
            yield update

    async def retry(self, name: str, event: gr.RetryData, request: gr.Request) -> AsyncIterator[Update]:
        """The person wants another answer to a question."""
        _, visit = await to_thread.run_sync(self._visit, name, request)
        asked = str(visit.transcript.messages[int(event.index)]["content"])
        async for update in self._again(event.index, asked, name, request):
            yield update

    async def ask(self, question: str, name: str, request: gr.Request) -> AsyncIterator[Update]:
        """One turn, shown as it happens; where many ask at once, its place in the line before."""
        question = readable(question).strip()
        if not question:
            yield {self.page.box: gr.skip()}
            return
        visitor, visit = await to_thread.run_sync(self._visit, name, request)
        refusal = self._refusal(visit)
        if refusal:
            gr.Info(refusal, duration=4)
            yield {self.page.box: gr.skip()}
            return
        try:
            ticket = self.turns.answers.join()
        except TooManyError:
            gr.Info(FULL, duration=8)
            yield {self.page.box: gr.skip()}
            return
        visit.waiting = ticket
        shown: Update = {self.page.send: gr.Button(visible=False), self.page.stop: gr.Button(visible=True)}
        shown[self.page.visit] = visit.name
        try:
            yield shown | {self.page.box: ""}
            async for place in self.turns.answers.until_inside(ticket):
                yield shown | {self.page.chat: waiting(visit, question, place)}
            if visit.waiting is not ticket:
                return  # the person did not want to wait
            visit.waiting = None
            async for update in self._turn(visit, question, shown, (ticket, request, visitor)):
                yield update
        finally:
            visit.waiting = visit.waiting if visit.waiting is not ticket else None
            self.turns.answers.leave(ticket)
            with CancelScope(shield=True):
                await to_thread.run_sync(self.visits.keep, visitor, visit)

    def _refusal(self, visit: Visit) -> str | None:
        """Why a question is not taken."""
        if self.turns.closed:
            return CLOSING
        if visit.busy:
            return "The last question is still being answered; Stop interrupts it."
        return LONG if visit.transcript.asked >= MOST_ASKED else None

    async def _again(self, index: Any, question: str, name: str, request: gr.Request) -> AsyncIterator[Update]:
        _, visit = await to_thread.run_sync(self._visit, name, request)
        if not visit.busy:
            visit.rewind(int(index))
        async for update in self.ask(question, name, request):
            yield update

    async def _turn(
        self, visit: Visit, question: str, shown: Update, who: tuple[Ticket, gr.Request, str]
    ) -> AsyncIterator[Update]:
        """Yield what has changed since the turn began, again and again.

        Each yield repeats those before it: Gradio's client patches the last update in place, so that one which says
        nothing of a component can undo, before it is drawn, one that has just come in.
        """
        ticket, request, visitor = who
        last, changed_yet, slow = 0.0, False, None
        events = visit.ask(question, request.headers.get("x-request-id", ""), asker(visitor))
        try:
            while (step := await self._step(events)) is not None:
                event, changed = step
                changed_yet = changed_yet or changed
                hurried = isinstance(event, AnswerDelta | Progress) and time.monotonic() - last < EVERY_SECONDS
                if not hurried:
                    shown |= self._show(visit, changed_yet)
                    yield shown
                    changed_yet, last = False, time.monotonic()
                if isinstance(event, ToolStarted) and event.tool in SLOW and slow is None:
                    self.turns.answers.leave(ticket)
                    slow = self.turns.preparing.join()
                    async for place in self.turns.preparing.until_inside(slow):
                        visit.transcript.add(Progress(f"waiting for other slides, place {place}", 0, 1))
                        yield shown | self._show(visit, False)
                elif isinstance(event, ToolFinished) and slow is not None:
                    self.turns.preparing.leave(slow)
                    slow = None
            yield shown | self._show(visit, changed_yet) | self._idle(visit)
        finally:
            if slow is not None:
                self.turns.preparing.leave(slow)
            with CancelScope(shield=True):
                await to_thread.run_sync(events.close)

    async def _step(self, events: Iterator[Step]) -> Step | None:
        """The next event, from a thread; None at the end."""
        if self._threads is None:
            self._threads = CapacityLimiter(self.turns.answers.at_once + self.turns.preparing.at_once + 2)
        return await to_thread.run_sync(next, events, None, limiter=self._threads)

    def _visit(self, name: str | None, request: gr.Request) -> tuple[str, Visit]:
        """The visitor and the conversation that the page shows; a new one where it was forgotten."""
        visitor = visitor_of(request.cookies)
        if visitor is None:
            raise gr.Error(NO_COOKIE)
        visit = self.visits.of(visitor, name)
        if visit is None:
            visit = self.visits.begin(visitor)
            self._open(visit, self._first())
        return visitor, visit

    def _first(self) -> str | None:
        """The slide that a newcomer sees: the first that is prepared, else the first."""
        states = self.workspace.slides()
        ready = [state.name for state in states if state.state == "prepared"]
        return next(iter([*ready, *(state.name for state in states)]), None)

    def _open(self, visit: Visit, name: str | None) -> None:
        if name is None:
            visit.transcript.suggestions = ("Open demo",)
        else:
            try:
                visit.open(name)
            except (SlideError, ModelUnavailable) as error:
                visit.transcript.say(str(error))

    def _idle(self, visit: Visit, over: bool = False) -> Update:
        busy = visit.busy and not over
        return {self.page.send: gr.Button(visible=not busy), self.page.stop: gr.Button(visible=busy)}

    def _show(self, visit: Visit, slide: bool = True) -> Update:
        """The conversation as it is now; with `slide`, word to the slide's side that something else is drawn."""
        page = self.page
        update: Update = {
            page.visit: visit.name,
            page.chat: [dict(message) for message in visit.transcript.messages],
            page.chips: fragments.chips(visit.transcript.suggestions),
        }
        if slide:
            update[page.slide] = gr.HTML(signal=json.dumps({"visit": visit.name, "version": visit.version}))
        return update


def waiting(visit: Visit, question: str, place: int) -> list[dict[str, Any]]:
    """The conversation with a question that stands in line; not part of what is kept."""
    before = place - 1
    where = f"{before} {'question is' if before == 1 else 'questions are'} before yours." if before else "You are next."
    step = {"title": "`Waiting in line`", "status": "pending"}
    return [
        *(dict(message) for message in visit.transcript.messages),
        {"role": "user", "content": inert(question)},
        {"role": "assistant", "content": f"Place {place} in line. {where}", "metadata": step},
    ]
