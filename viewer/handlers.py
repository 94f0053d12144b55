"""What happens when a person does something: each handler updates the components that changed and leaves the rest."""

import json
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from agent.events import AnswerDelta, Progress
from tools.errors import ModelUnavailable, SlideError
from viewer import about, fragments, overlay
from viewer.page import SHOW_ANSWER, Page
from viewer.shelf import Shelf
from viewer.visits import PARTS, Visit, Visits

Update = dict[Any, Any]

EVERY_SECONDS = 0.12  # words and progress that follow each other faster are shown together
CONCURRENT_TURNS = 8


class Handlers:
    """The page's handlers, bound to its components and to the visits of this server."""

    def __init__(self, page: Page, visits: Visits, shelf: Shelf) -> None:
        self.page = page
        self.visits = visits
        self.shelf = shelf

    def connect(self, blocks: gr.Blocks) -> None:
        """Wire every event; call inside the `gr.Blocks`."""
        page = self.page
        outputs = page.components()
        quiet: dict[str, Any] = {"outputs": outputs, "show_progress": "hidden", "api_visibility": "private"}
        turn: dict[str, Any] = quiet | {"concurrency_limit": CONCURRENT_TURNS, "concurrency_id": "turn"}
        blocks.load(self.arrive, **quiet)
        blocks.unload(self.leave)
        turns = [
            gr.on([page.box.submit, page.send.click], self.ask, [page.box, page.picker], **turn),
            page.chips.select(self.ask_chip, [page.picker], **turn),
            page.genes.select(self.ask_chip, [page.picker], **turn),
        ]
        for turn_over in turns:
            turn_over.then(None, js=SHOW_ANSWER)
        page.stop.click(self.stop, cancels=turns, **quiet)
        page.fresh.click(self.start_over, cancels=turns, **quiet)
        page.picker.input(self.pick, [page.picker], cancels=turns, **quiet)

    def arrive(self, request: gr.Request) -> Update:
        """A page was opened: show the slide that its address names, else the first that is prepared."""
        visit = self.visits.of(_key(request))
        states = self.shelf.states()
        names = [state.name for state in states]
        wanted = request.query_params.get("slide")
        prepared = [state.name for state in states if state.state == "prepared"]
        first = wanted if wanted in names else next(iter(prepared + names), None)
        return self._open(visit, first)

    def leave(self, request: gr.Request) -> None:
        """A page was closed."""
        self.visits.leave(_key(request))

    def pick(self, name: str, request: gr.Request) -> Update:
        """The person chose another slide: a new conversation about it."""
        key = _key(request)
        self.visits.leave(key)
        return self._open(self.visits.of(key), name)

    def start_over(self, request: gr.Request) -> Update:
        """A new conversation about the same slide."""
        key = _key(request)
        name = self.visits.of(key).slide
        self.visits.leave(key)
        return self._open(self.visits.of(key), name)

    def stop(self, request: gr.Request) -> Update:
        """The person interrupted the turn."""
        visit = self.visits.of(_key(request))
        visit.stop()
        return self._show(visit, {"chat"}) | self._idle()

    def ask_chip(self, slide: str | None, event: gr.EventData, request: gr.Request) -> Iterator[Update]:
        """A suggestion or a gene was clicked."""
        yield from self.ask(str(event._data["ask"]), slide, request)

    def ask(self, question: str, slide: str | None, request: gr.Request) -> Iterator[Update]:
        """One turn, shown as it happens. `slide` is the one that the page shows."""
        question = question.strip()
        if not question:
            yield {self.page.box: gr.skip()}
            return
        visit = self.visits.of(_key(request))
        if visit.busy:
            gr.Info("The last question is still being answered; Stop interrupts it.", duration=4)
            yield {self.page.box: gr.skip()}
            return
        shown: Update = {}
        if visit.slide is None and slide is not None:
            shown = self._open(visit, slide)  # the connection was lost for a while, and the visit with it
        shown |= {self.page.send: gr.Button(visible=False), self.page.stop: gr.Button(visible=True)}
        yield shown | {self.page.box: ""}
        yield from self._turn(visit, question, shown)

    def _turn(self, visit: Visit, question: str, shown: Update) -> Iterator[Update]:
        """Yield what has changed since the turn began, again and again.

        Each yield repeats those before it: Gradio's client patches the last update in place, so that one which says
        nothing of a component can undo, before it is drawn, one that has just come in.
        """
        drawn: dict[str, Any] = {}
        waiting: set[str] = set()
        last = 0.0
        for event, parts in visit.ask(question):
            waiting |= parts
            hurried = isinstance(event, AnswerDelta | Progress) and time.monotonic() - last < EVERY_SECONDS
            if not hurried:
                shown |= self._show(visit, waiting, drawn)
                yield shown
                waiting, last = set(), time.monotonic()
        yield shown | self._show(visit, waiting | {"chat"}, drawn) | self._idle()

    def _open(self, visit: Visit, name: str | None) -> Update:
        if name is not None:
            try:
                visit.open(name)
            except (SlideError, ModelUnavailable) as error:
                visit.transcript.say(str(error))
        return self._show(visit, set(PARTS)) | self._idle()

    def _idle(self) -> Update:
        return {self.page.send: gr.Button(visible=True), self.page.stop: gr.Button(visible=False)}

    def _show(self, visit: Visit, parts: set[str], drawn: dict[str, Any] | None = None) -> Update:
        """The components behind these parts, as they are now. `drawn` holds what the slide was told before."""
        page, prepared = self.page, visit.session.slide
        update: Update = {}
        if "chat" in parts:
            update[page.chat] = [dict(message) for message in visit.transcript.messages]
            update[page.chips] = fragments.chips(visit.transcript.suggestions)
        if "genes" in parts:
            update[page.genes] = fragments.genes(visit.genes)
        drawn = {} if drawn is None else drawn
        drawn |= self._drawn(visit, parts)
        if drawn:
            update[page.slide] = gr.HTML(**drawn)
        if "slide" in parts:
            update[page.picker] = gr.Dropdown(
                choices=about.choices(self.shelf.states(), visit.slide), value=visit.slide
            )
            update[page.facts] = fragments.facts(about.facts(visit.address, prepared, visit.mpp, self.shelf))
        return update

    def _drawn(self, visit: Visit, parts: set[str]) -> dict[str, str]:
        """Props of the slide component, as JSON text: objects would be patched in place, and changes go unseen."""
        drawn: dict[str, Any] = {}
        prepared, session = visit.session.slide, visit.session
        if "slide" in parts:
            drawn["slide"] = about.slide_payload(visit.address, visit.mpp, self.shelf)
            drawn["spots"] = overlay.spots_payload(prepared.spots) if prepared else {}
        if "layer" in parts:
            layer = session.layers.get(visit.layer or "")
            fits = layer is not None and prepared is not None and len(layer.values) == len(prepared.spots)
            drawn["layer"] = overlay.layer_payload(layer, about.source(prepared)) if fits else {}
        if "regions" in parts:
            kept = [session.regions[name] for name in visit.regions if name in session.regions]
            drawn["regions"] = overlay.regions_payload(kept, visit.shown)
        return {name: json.dumps(payload) for name, payload in drawn.items()}


def _key(request: gr.Request) -> str:
    """What tells one open page from another."""
    return str(request.session_hash)
