"""Slides of the workspace, held open for the tile routes; shared by every visitor, found by name and never by path."""

import threading
from collections import OrderedDict

from tools.slide import Slide, open_slide
from tools.workspace import SlideState, Workspace

HELD_OPEN = 8


class Shelf:
    """The most recently viewed slides, open. A name that is not in the workspace raises SlideError."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._open: OrderedDict[str, Slide] = OrderedDict()
        self._guests: dict[str, SlideState] = {}
        self._lock = threading.Lock()

    def states(self) -> list[SlideState]:
        """Every slide that can be seen, and how far it is prepared."""
        known = self._workspace.slides()
        names = {state.name for state in known}
        return known + [guest for guest in self._guests.values() if guest.name not in names]

    def slide(self, name: str) -> Slide:
        """The open slide of that name."""
        with self._lock:
            if name in self._open:
                self._open.move_to_end(name)
                return self._open[name]
        state = self._guests.get(name) or self._workspace.get(name)
        slide = open_slide(state.path, state.mpp)
        with self._lock:
            self._open[name] = slide
            while len(self._open) > HELD_OPEN:
                self._open.popitem(last=False)
        return slide

    def admit(self, state: SlideState) -> None:
        """Let a slide be seen that a conversation opened by its path and that the workspace does not know yet."""
        if state.name not in {known.name for known in self._workspace.slides()}:
            self._guests[state.name] = state
