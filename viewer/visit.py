"""A visit: one conversation of one visitor with what it shows on each slide."""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from agent.answer_trail import Trail
from agent.events import Artifact, Event, ToolFinished
from agent.loop import Conversation
from agent.session import Session
from settings import Settings
from tools.errors import ModelUnavailable, SlideError, ToolError
from tools.prepare import Runtime
from tools.prepared import PreparedSlide, load_prepared
from tools.workspace import Workspace
from viewer.board import Board
from viewer.gate import is_shared
from viewer.greeting import greeting, retiled
from viewer.shelf import Shelf
from viewer.translate import Transcript
from viewer.turns import Ticket

log = logging.getLogger(__name__)


class Visit:
    """What one conversation shows. `ask` runs a turn and says after each event whether the slide changed."""

    def __init__(
        self, name: str, settings: Settings, workspace: Workspace, shelf: Shelf, trail: Trail | None = None
    ) -> None:
        self.name = name
        self.waiting: Ticket | None = None  # of a question that stands in line
        self.used = time.monotonic()
        self.keeping = threading.Lock()
        self.workspace = workspace
        self._shelf = shelf
        self._busy = threading.Lock()
        self._stopped = False
        self._drawn: PreparedSlide | None = None
        runtime = Runtime(settings.device, settings.models_dir, settings.chroma_url)
        self.session = Session(workspace, models=settings.models, runtime=runtime)
        self.conversation = Conversation(self.session, settings, trail=trail)
        if is_shared(settings):  # whoever asks is not the one who started this server in some folder
            self.session.slide_folders = settings.slide_folders
        self.transcript = Transcript(name)
        self.slide: str | None = None  # as it is called
        self.address: str | None = None  # as the shelf knows it
        self.boards: dict[str, Board] = {}
        self.files: list[str] = []  # names in the workspace's exports that this conversation wrote
        self.version = time.time_ns() // 1_000_000  # of what is drawn; higher than any before a restart

    @property
    def board(self) -> Board:
        """Findings on the slide that is open."""
        return self.boards.setdefault(self.slide or "", Board())

    @property
    def busy(self) -> bool:
        """Whether a turn is running or stands in line."""
        return self.waiting is not None or self._busy.locked()

    @property
    def mpp(self) -> float | None:
        """Um per pixel that this conversation knows, where it knows better than the file."""
        if self.session.slide is not None:
            return self.session.slide.mpp
        return self.session.options.mpp if self.session.options else None

    def open(self, name: str) -> None:
        """Show a slide of the workspace; what was found on it before comes back with it."""
        state = self.workspace.get(name)
        self.session.show(name, None)
        self.slide, self.address, self._drawn = name, name, None
        if state.state == "prepared":
            runtime = self.session.runtime
            self._drawn = load_prepared(self.workspace, name, runtime.device, runtime.models_dir)
            self.session.show(name, self._drawn)
        self._recall()
        sentence, self.transcript.suggestions = greeting(state, self.mpp, self._drawn, self._shelf)
        if sentence:
            self.transcript.say(sentence, self.transcript.suggestions)
        self.version += 1

    def ask(self, question: str, name: str = "", by: str = "") -> Iterator[tuple[Event | None, bool]]:
        """Run one turn; yields each event and whether what is drawn changed, and nothing while another turn runs.

        `name` and `by` go to the trail of answers.
        """
        if not self._busy.acquire(blocking=False):
            return
        self._stopped = False
        try:
            self.transcript.question(question)
            yield None, False
            for event in self.conversation.ask(question, name, by):
                if self._stopped:
                    return
                yield event, self._take(event)
        except (ToolError, SlideError, ModelUnavailable) as error:
            self.transcript.close(str(error))
            yield None, False
        except Exception:
            log.exception("A turn broke off")
            self.transcript.close("Something broke in SpotWhisperer itself; its log says what. You can go on asking.")
            yield None, False
        finally:
            self.transcript.close()
            self._busy.release()

    def stop(self, sentence: str = "Stopped.") -> None:
        """The person, or the end of the server, interrupted the turn; a tool that is at work ends unheard."""
        self._stopped = True
        self.transcript.close(sentence)

    def rewind(self, message: int) -> None:
        """Forget the person's message at this place of the transcript and all that follows; findings stay."""
        asked = self.transcript.asked
        self.conversation.rewind(self.transcript.cut(message), asked)

    def note_shown(self) -> None:
        """Tell the session what the person has on show, for "save this"."""
        self.session.shown_layer = self.board.left
        self.session.shown_regions = tuple(region.id for region in self.board.shown_regions())

    def select(self, region: str | None) -> None:
        """Make a region what the chat calls the selection."""
        board = self.board
        board.focus = region if region in board.regions else None
        self.session.selection = board.regions[board.focus].spots if board.focus else None

    def rename_region(self, name: str, title: str) -> None:
        """Give a region another name, on the slide and for the chat."""
        renamed = replace(self.board.regions[name], query=title)
        self.board.regions[name] = self.session.regions[name] = renamed

    def drop_region(self, name: str) -> None:
        """Remove a region, from the slide and for the chat."""
        self.board.drop_region(name)
        self.session.regions.pop(name, None)
        self.select(self.board.focus)

    def _take(self, event: Event) -> bool:
        """Show an event: what its artefacts bring first, then the chat that may point to it."""
        changed = False
        if isinstance(event, ToolFinished):
            changed = self._follow_slide(event)
            for artifact in event.artifacts:
                changed = self._place(artifact) or changed
        self.transcript.add(event, self.session.regions)
        self.version += changed
        return changed

    def _follow_slide(self, event: ToolFinished) -> bool:
        """Notice that a tool opened, tiled or prepared a slide; findings about other spots go."""
        prepared = self.session.slide
        named = next((artifact["slide"] for artifact in event.artifacts if artifact["kind"] == "slide"), None)
        name = named or (prepared.name if prepared else self.slide)
        if name == self.slide and prepared is self._drawn:
            return named is not None
        if name == self.slide:
            self.boards.pop(name or "", None)
            if event.tool == "tile_slide" and not event.failed:
                self.transcript.note(retiled(name or ""))
        self.slide, self._drawn = name, prepared
        self.address = self._shelf.admit(self.workspace.find(self.session.opened or name)) if name else None
        self._recall()
        return True

    def _recall(self) -> None:
        """Give the session back what was found on this slide, unless its spots are others by now."""
        board, spots = self.board, self._drawn.spots if self._drawn else None
        n = len(spots) if spots is not None else 0
        for name in [v.id for v in board.layers.values() if len(v.values) != n]:
            board.drop_layer(name)
        for name in [r.id for r in board.regions.values() if len(r.spots) and r.spots.max() >= n]:
            board.drop_region(name)
        self.session.layers |= board.layers
        self.session.regions = dict(board.regions) | self.session.regions
        self.select(board.focus)
        self.note_shown()

    def _place(self, artifact: Artifact) -> bool:
        match artifact["kind"]:
            case "layer":
                layer = self.session.layers[artifact["layer"]]
                self.board.bring_layer(layer)
            case "regions":
                names = [name for name in artifact["regions"] if name in self.session.regions]
                self.board.bring_regions([self.session.regions[name] for name in names])
            case "genes":
                self.board.genes = artifact
            case "file":
                self.files.append(artifact["name"])
                return False
            case _:
                return False
        return True
