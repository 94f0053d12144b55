"""Slides held open for the tile routes; shared by every visitor, found by name and never by path."""

import secrets
import threading
from collections import OrderedDict
from pathlib import Path

from tools.slide import Slide, open_slide
from tools.workspace import SlideState, Workspace

HELD_OPEN, MOST_GUESTS = 8, 200


class Shelf:
    """The most recently viewed slides, open. A name that is not in the workspace raises SlideError.

    A slide that a conversation opened by its path, and that the workspace does not know, is a guest: it gets a name
    that nobody can guess.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._open: OrderedDict[tuple[Path, float | None], Slide] = OrderedDict()
        self._guests: dict[str, SlideState] = {}
        self._lock = threading.Lock()

    def states(self) -> list[SlideState]:
        """Every slide of the workspace and how far it is prepared."""
        return self._workspace.slides()

    def admit(self, state: SlideState) -> str:
        """The name under which this slide can be seen."""
        if state.name in {known.name for known in self._workspace.slides() if known.path == state.path}:
            return state.name
        with self._lock:
            for name, guest in self._guests.items():
                if guest.path == state.path:
                    return name
            name = secrets.token_hex(16)
            self._guests[name] = state
            while len(self._guests) > MOST_GUESTS:
                del self._guests[next(iter(self._guests))]
            return name

    def slide(self, name: str) -> Slide:
        """The open slide of that name."""
        state = self._guests.get(name) or self._workspace.get(name)
        key = (state.path, state.mpp)
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
                return self._open[key]
        slide = open_slide(*key)
        with self._lock:
            self._open[key] = slide
            while len(self._open) > HELD_OPEN:
                self._open.popitem(last=False)
        return slide
