"""Who is looking: one visit per open page, with its own session, conversation and transcript; never shared."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from agent.loop import Conversation

from agent.events import Answer, Event, ToolFinished
from agent.session import Session
from settings import Settings
from tools.errors import ModelUnavailable, SlideError, ToolError
from tools.prepared import PreparedSlide, load_prepared
from tools.workspace import Workspace
from viewer.translate import Transcript

MOST_VISITS = 200
EXAMPLES = ("Where is the epidermis, and which genes mark it?", "Show me immune cells", "collagen", "Show KRT14")
PARTS = frozenset({"chat", "slide", "layer", "regions", "genes"})


class Visit:
    """What one page shows. `ask` runs a turn and names the parts that changed after each event."""

    def __init__(self, settings: Settings, workspace: Workspace) -> None:
        self._settings = settings
        self._workspace = workspace
        self._busy = threading.Lock()
        self._stopped = False
        self._drawn: PreparedSlide | None = None
        self.session = Session(workspace)
        self.conversation = Conversation(self.session, settings)
        self.transcript = Transcript()
        self.slide: str | None = None
        self._clear_findings()

    def open(self, name: str) -> None:
        """Show another slide of the workspace; what was found on the last one goes with it."""
        self._clear_findings()
        self.slide = name
        self.session.slide = self._drawn = None
        self.transcript.suggestions = EXAMPLES
        state = next((state for state in self._workspace.slides() if state.name == name), None)
        if state is None:
            self.transcript.say(f"The slide '{name}' is not in the workspace any more.")
        elif state.state == "prepared":
            self.session.slide = self._drawn = load_prepared(
                self._workspace, name, self._settings.device, self._settings.models_dir
            )
        elif state.mpp is None:
            self.transcript.say(
                f"**{name}** does not store its pixel size, so nothing on it can be measured yet. How many microns is "
                "one pixel? About 0.5 for a 20x scan, 0.25 for 40x.",
                (f"Open {name} with mpp 0.5", f"Open {name} with mpp 0.25"),
            )
        else:
            self.transcript.say(
                f"**{name}** can be looked at, but no expression has been inferred on it yet, so I cannot search it. "
                "Shall I? On a small slide it takes a minute or two.",
                (f"Open {name} and infer expression",),
            )

    def _clear_findings(self) -> None:
        self.layer: str | None = None
        self.regions: list[str] = []
        self.shown: list[str] = []
        self.genes: dict[str, Any] = {}

    def ask(self, question: str) -> Iterator[tuple[Event | None, set[str]]]:
        """Run one turn; yields each event with the parts of the page that it changed."""
        if not self._busy.acquire(blocking=False):
            self.transcript.say("The last step is still finishing; ask again in a moment.", self.transcript.suggestions)
            yield None, {"chat"}
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
            self.transcript.close("Something broke in SpotWhisperer itself; its log says what. You can go on asking.")
            yield None, {"chat"}
            raise
        finally:
            self.transcript.close()
            self._busy.release()

    def _take(self, event: Event) -> set[str]:
        """Show an event: chat first, then what its artefacts bring."""
        known = self.session.regions
        self.transcript.add(event, known)
        changed = {"chat"}
        if isinstance(event, ToolFinished):
            changed |= self._follow_slide()
            for artifact in event.artifacts:
                changed |= self._place(artifact)
        if isinstance(event, Answer):
            changed |= self._follow_slide()
        return changed

    def _follow_slide(self) -> set[str]:
        """Notice that the conversation opened or prepared another slide."""
        slide = self.session.slide
        if slide is None or (slide.name == self.slide and slide is self._drawn):
            return set()
        self._clear_findings()
        self.slide, self._drawn = slide.name, slide
        return set(PARTS)

    def _place(self, artifact: dict[str, Any]) -> set[str]:
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
            case "slide" if artifact["slide"] != self.slide:
                self.slide = artifact["slide"]
                self._clear_findings()
                return set(PARTS)
        return set()

    def stop(self) -> None:
        """The person interrupted the turn; a tool that is at work ends unheard."""
        self._stopped = True
        self.transcript.close("Stopped.")


class Visits:
    """Visits by the key of the open page. The longest unused go when there are too many, or when their page closes."""

    def __init__(self, settings: Settings, workspace: Workspace) -> None:
        self._settings = settings
        self._workspace = workspace
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: str) -> Visit:
        """The visit of this page, begun if it is new."""
        with self._lock:
            if key not in self._visits:
                self._visits[key] = Visit(self._settings, self._workspace)
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
