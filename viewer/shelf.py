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
        self._lock = threading.Lock()

    def states(self) -> list[SlideState]:
        """Every slide of the workspace and how far it is prepared."""
        return self._workspace.slides()

    def slide(self, name: str) -> Slide:
        """The open slide of that name."""
        with self._lock:
            if name in self._open:
                self._open.move_to_end(name)
                return self._open[name]
        state = self._workspace.get(name)
        slide = open_slide(state.path, state.mpp)
        with self._lock:
            self._open[name] = slide
            while len(self._open) > HELD_OPEN:
                self._open.popitem(last=False)
        return slide

    def forget(self, name: str) -> None:
        """Let go of a slide whose file or scale has changed."""
        with self._lock:
            self._open.pop(name, None)
