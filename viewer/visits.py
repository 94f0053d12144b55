"""The visits of all visitors: begun, kept, found again, never shared."""

import logging
import threading
import time
from collections import OrderedDict

from agent.answer_trail import Trail
from settings import Settings
from tools.errors import ModelUnavailable, SlideError
from tools.workspace import Workspace
from viewer.archive import Archive
from viewer.shelf import Shelf
from viewer.visit import Visit
from viewer.visitor import new_token

log = logging.getLogger(__name__)

MOST_VISITS = 200  # held in memory; the others lie in the archive


class Visits:
    """Visits by visitor and conversation. The longest unused leave memory; the archive has them all."""

    def __init__(self, settings: Settings, workspace: Workspace, shelf: Shelf) -> None:
        self._settings = settings
        self._workspace = workspace
        self._shelf = shelf
        self.archive = Archive(workspace.root)
        self._trail = Trail(workspace.root, settings.audit_mb, "page", settings.chat_model) if settings.audit else None
        self._visits: OrderedDict[tuple[str, str], Visit] = OrderedDict()
        self._lock = threading.RLock()

    def begin(self, visitor: str) -> Visit:
        """A new conversation."""
        return self._hold(visitor, self._make(new_token()))

    def of(self, visitor: str | None, name: str | None) -> Visit | None:
        """This visitor's conversation of that name, from memory or from the archive; None where there is none."""
        if visitor is None or name is None:
            return None
        with self._lock:
            visit = self._visits.get((visitor, name))
            if visit is None and self.archive.knows(visitor, name):
                visit = self._recall(visitor, name)
            return visit and self._hold(visitor, visit)

    def latest(self, visitor: str) -> Visit | None:
        """The conversation that this visitor had last."""
        kept = self.archive.list(visitor)
        return self.of(visitor, kept[0]["id"]) if kept else None

    def keep(self, visitor: str, visit: Visit) -> None:
        """Write a conversation to the archive, once something was said or found in it."""
        title = visit.transcript.title
        if not title and not any(board.layers or board.regions for board in visit.boards.values()):
            return
        transcript, session = visit.transcript, visit.session
        said = {
            "messages": transcript.messages,
            "suggestions": list(transcript.suggestions),
            "said": visit.conversation.dump(),
            "slide": visit.slide,
            "counts": [session.layer_count, session.region_count],
            "files": visit.files,
        }
        meta = {"title": title or "Untitled", "slide": visit.slide, "updated": time.time()}
        with visit.keeping:
            self.archive.write(visitor, visit.name, meta, said, visit.boards)
            self.archive.write_pictures(visitor, visit.name, list(session.pictures.values()))

    def forget(self, visitor: str, name: str) -> None:
        """Remove a conversation for good."""
        with self._lock:
            self._visits.pop((visitor, name), None)
            self.archive.remove(visitor, name)

    def sweep(self) -> int:
        """Let go of conversations that were not used for long, and forget those that are too old; how many left."""
        with self._lock:
            now, most = time.monotonic(), 60 * self._settings.idle_minutes
            idle = [key for key, visit in self._visits.items() if not visit.busy and now - visit.used > most]
            for key in idle:
                del self._visits[key]
        if self._settings.keep_days is not None:
            self.archive.forget_before(time.time() - 24 * 3600 * self._settings.keep_days)
        return len(idle)

    def busy(self) -> list[tuple[str, Visit]]:
        """Visits with a question that is being answered, each with its visitor."""
        with self._lock:
            return [(visitor, visit) for (visitor, _), visit in self._visits.items() if visit.busy]

    def __len__(self) -> int:
        """Number of visits in memory."""
        return len(self._visits)

    def _make(self, name: str) -> Visit:
        return Visit(name, self._settings, self._workspace, self._shelf, self._trail)

    def _hold(self, visitor: str, visit: Visit) -> Visit:
        with self._lock:
            visit.used = time.monotonic()
            self._visits[visitor, visit.name] = visit
            self._visits.move_to_end((visitor, visit.name))
            spare = [key for key, held in self._visits.items() if not held.busy and held is not visit]
            for key in spare[: max(0, len(self._visits) - MOST_VISITS)]:
                del self._visits[key]
        return visit

    def _recall(self, visitor: str, name: str) -> Visit:
        said, boards = self.archive.read(visitor, name)
        visit = self._make(name)
        visit.boards = boards
        visit.files = list(said["files"])
        visit.session.pictures = {picture.id: picture for picture in self.archive.read_pictures(visitor, name)}
        visit.session.layer_count, visit.session.region_count = said["counts"]
        visit.session.written = list(visit.files)
        if said["slide"]:
            try:
                visit.open(said["slide"])
            except (SlideError, ModelUnavailable) as error:
                log.warning("%s", error)  # the slide left the workspace; what was said can still be read
        visit.transcript.messages = said["messages"]
        visit.transcript.suggestions = tuple(said["suggestions"])
        visit.conversation.restore(said["said"])
        return visit
