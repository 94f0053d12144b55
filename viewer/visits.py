"""Who is looking: one visit per open page, with its own session, conversation and transcript; never shared."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator

from agent.events import Artifact, Event, ToolFinished
from agent.loop import Conversation
from agent.session import Session
from settings import Settings
from tools.errors import ModelUnavailable, SlideError, ToolError
from tools.prepare import Runtime
from tools.prepared import PreparedSlide, load_prepared
from tools.workspace import Workspace
from viewer.shelf import Shelf
from viewer.translate import Transcript

log = logging.getLogger(__name__)

MOST_VISITS = 200
EXAMPLES = ("Where is the epidermis, and which genes mark it?", "Show me immune cells", "collagen")
EXAMPLE_GENES = ("KRT14", "KRT5", "COL1A1", "EPCAM", "VIM")  # the first that is predicted is offered
PARTS = frozenset({"chat", "slide", "layer", "regions", "genes"})


class Visit:
    """What one page shows. `ask` runs a turn and names the parts that changed after each event."""

    def __init__(self, settings: Settings, workspace: Workspace, shelf: Shelf) -> None:
        self._workspace = workspace
        self._shelf = shelf
        self._busy = threading.Lock()
        self._stopped = False
        self._drawn: PreparedSlide | None = None
        runtime = Runtime(settings.device, settings.models_dir, settings.chroma_url)
        self.session = Session(workspace, models=settings.models, runtime=runtime)
        self.conversation = Conversation(self.session, settings)
        self.transcript = Transcript()
        self.slide: str | None = None  # as it is called
        self.address: str | None = None  # as the shelf knows it
        self._clear_findings()

    def open(self, name: str) -> None:
        """Show another slide of the workspace; what was found on the last one goes with it."""
        self._clear_findings()
        self.slide, self.address, self._drawn = name, name, None
        self.session.show(name, None)
        self.transcript.suggestions = ()
        state = self._workspace.get(name)
        if state.state == "prepared":
            runtime = self.session.runtime
            self._drawn = load_prepared(self._workspace, name, runtime.device, runtime.models_dir)
            self.session.show(name, self._drawn)
            genes = [gene for gene in EXAMPLE_GENES if gene in self._drawn.adata.var_names]
            self.transcript.suggestions = (*EXAMPLES, *(f"Show {gene}" for gene in genes[:1]))
        elif self.mpp is None and state.mpp is None and self._shelf.slide(name).mpp is None:
            self.transcript.say(
                f"**{name}** does not store its pixel size, so nothing on it can be measured yet. How many microns is "
                "one pixel? About 0.5 for a 20x scan, 0.25 for 40x.",
                (f"Open slide {name} with mpp 0.5", f"Open slide {name} with mpp 0.25"),
            )
        else:
            self.transcript.say(
                f"**{name}** can be looked at, but no expression has been inferred on it yet, so I cannot search it. "
                "Shall I? On a small slide it takes a minute or two.",
                ("Infer expression on this slide",),
            )

    @property
    def busy(self) -> bool:
        """Whether a turn is running."""
        return self._busy.locked()

    @property
    def mpp(self) -> float | None:
        """Um per pixel that this conversation knows, where it knows better than the file."""
        if self.session.slide is not None:
            return self.session.slide.mpp
        return self.session.options.mpp if self.session.options else None

    def _clear_findings(self) -> None:
        self.layer: str | None = None
        self.regions: list[str] = []
        self.shown: list[str] = []
        self.genes: Artifact = {}

    def ask(self, question: str) -> Iterator[tuple[Event | None, set[str]]]:
        """Run one turn; yields each event with the parts of the page that it changed, and nothing while one runs."""
        if not self._busy.acquire(blocking=False):
            return
        self._stopped = False
        try:
            self.transcript.question(question)
            yield None, {"chat"}
            for event in self.conversation.ask(question):
                if self._stopped:
                    return
                yield event, self._take(event)
        except (ToolError, SlideError, ModelUnavailable) as error:
            self.transcript.close(str(error))
            yield None, {"chat"}
        except Exception:
            log.exception("A turn broke off")
            self.transcript.close("Something broke in SpotWhisperer itself; its log says what. You can go on asking.")
            yield None, {"chat"}
        finally:
            self.transcript.close()
            self._busy.release()

    def _take(self, event: Event) -> set[str]:
        """Show an event: chat first, then what its artefacts bring."""
        known = self.session.regions
        self.transcript.add(event, known)
        changed = {"chat"}
        if isinstance(event, ToolFinished):
            changed |= self._follow_slide(event.artifacts)
            for artifact in event.artifacts:
                changed |= self._place(artifact)
        return changed

    def _follow_slide(self, artifacts: list[Artifact]) -> set[str]:
        """Notice that a tool opened, tiled or prepared a slide; findings about other spots go."""
        prepared = self.session.slide
        named = next((artifact["slide"] for artifact in artifacts if artifact["kind"] == "slide"), None)
        name = named or (prepared.name if prepared else self.slide)
        if name == self.slide and prepared is self._drawn:
            return {"slide"} if named else set()
        self._clear_findings()
        self.slide, self._drawn = name, prepared
        self.address = self._shelf.admit(self._workspace.find(self.session.opened or name)) if name else None
        return set(PARTS)

    def _place(self, artifact: Artifact) -> set[str]:
        match artifact["kind"]:
            case "layer":
                self.layer = artifact["layer"]
                return {"layer"}
            case "regions":
                self.shown = [name for name in artifact["regions"] if name in self.session.regions]
                self.regions = [name for name in self.regions if name not in self.shown] + self.shown
                return {"regions"}
            case "genes":
                self.genes = artifact
                return {"genes"}
        return set()

    def stop(self) -> None:
        """The person interrupted the turn; a tool that is at work ends unheard."""
        self._stopped = True
        self.transcript.close("Stopped.")


class Visits:
    """Visits by the key of the open page. The longest unused go when there are too many, or when their page closes."""

    def __init__(self, settings: Settings, workspace: Workspace, shelf: Shelf) -> None:
        self._settings = settings
        self._workspace = workspace
        self._shelf = shelf
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: str) -> Visit:
        """The visit of this page, begun if it is new."""
        with self._lock:
            if key not in self._visits:
                self._visits[key] = Visit(self._settings, self._workspace, self._shelf)
            self._visits.move_to_end(key)
            while len(self._visits) > MOST_VISITS:
                self._visits.popitem(last=False)
            return self._visits[key]

    def leave(self, key: str) -> None:
        """Free everything that this page held."""
        with self._lock:
            self._visits.pop(key, None)

    def __len__(self) -> int:
        """Number of open pages."""
        return len(self._visits)
