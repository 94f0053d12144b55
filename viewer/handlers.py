"""What happens in the conversation: each handler updates the components that changed and leaves the rest."""

import json
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from agent.events import AnswerDelta, Progress
from tools.errors import ModelUnavailable, SlideError
from tools.workspace import Workspace
from viewer import fragments
from viewer.page import SHOW_ANSWER, Page
from viewer.visit import Visit
from viewer.visitor import visitor_of
from viewer.visits import Visits

Update = dict[Any, Any]

EVERY_SECONDS = 0.12  # words and progress that follow each other faster are shown together
CONCURRENT_TURNS = 8
NO_COOKIE = "This page keeps its place in a cookie, and your browser refuses it; allow it for this address."


class Handlers:
    """The page's handlers, bound to its components and to the visits of this server."""

    def __init__(self, page: Page, visits: Visits, workspace: Workspace) -> None:
        self.page = page
        self.visits = visits
        self.workspace = workspace

    def connect(self, blocks: gr.Blocks) -> None:
        """Wire every event; call inside the `gr.Blocks`."""
        page = self.page
        quiet: dict[str, Any] = {
            "outputs": page.components(),
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        turn: dict[str, Any] = quiet | {"concurrency_limit": CONCURRENT_TURNS, "concurrency_id": "turn"}
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

    def stop(self, name: str, request: gr.Request) -> Update:
        """The person interrupted the turn."""
        visitor, visit = self._visit(name, request)
        visit.stop()
        self.visits.keep(visitor, visit)
        return self._show(visit) | self._idle(visit, over=True)

    def ask_chip(self, name: str, event: gr.EventData, request: gr.Request) -> Iterator[Update]:
        """A suggestion, or a button of the slide's side, asks something."""
        yield from self.ask(str(event._data["ask"]), name, request)

    def edit(self, name: str, event: gr.EditData, request: gr.Request) -> Iterator[Update]:
        """The person changed an earlier question: the conversation goes on from there."""
        yield from self._again(event.index, str(event.value), name, request)

    def retry(self, name: str, event: gr.RetryData, request: gr.Request) -> Iterator[Update]:
        """The person wants another answer to a question."""
        _, visit = self._visit(name, request)
        yield from self._again(event.index, str(visit.transcript.messages[int(event.index)]["content"]), name, request)

    def ask(self, question: str, name: str, request: gr.Request) -> Iterator[Update]:
        """One turn, shown as it happens."""
        question = question.strip()
        if not question:
            yield {self.page.box: gr.skip()}
            return
        visitor, visit = self._visit(name, request)
        if visit.busy:
            gr.Info("The last question is still being answered; Stop interrupts it.", duration=4)
            yield {self.page.box: gr.skip()}
            return
        shown: Update = {self.page.send: gr.Button(visible=False), self.page.stop: gr.Button(visible=True)}
        shown[self.page.visit] = visit.name
        yield shown | {self.page.box: ""}
        try:
            yield from self._turn(visit, question, shown)
        finally:
            self.visits.keep(visitor, visit)

    def _again(self, index: Any, question: str, name: str, request: gr.Request) -> Iterator[Update]:
        _, visit = self._visit(name, request)
        if not visit.busy:
            visit.rewind(int(index))
        yield from self.ask(question, name, request)

    def _turn(self, visit: Visit, question: str, shown: Update) -> Iterator[Update]:
        """Yield what has changed since the turn began, again and again.

        Each yield repeats those before it: Gradio's client patches the last update in place, so that one which says
        nothing of a component can undo, before it is drawn, one that has just come in.
        """
        last, waiting = 0.0, False
        for event, changed in visit.ask(question):
            waiting = waiting or changed
            hurried = isinstance(event, AnswerDelta | Progress) and time.monotonic() - last < EVERY_SECONDS
            if not hurried:
                shown |= self._show(visit, waiting)
                yield shown
                waiting, last = False, time.monotonic()
        yield shown | self._show(visit, waiting) | self._idle(visit)

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
