"""How long the rest of a cohort will take: by spots, and by bytes where nobody has counted spots yet."""

import time
from collections.abc import Iterable

from tools.files import read_json
from tools.manifest import Entry
from tools.outcome import Outcome, pulse_file
from tools.workspace import Workspace


class Forecast:
    """Told of every slide that is finished, it says how many seconds are left.

    Slides that were prepared before are taken to be unchanged, until their spots are encoded after all.
    """

    def __init__(self, workspace: Workspace, entries: Iterable[Entry]) -> None:
        self._pulses = {entry.name: pulse_file(workspace, entry.name) for entry in entries}
        self._sizes = {entry.name: entry.size for entry in entries}
        self._idle = {entry.name for entry in entries if entry.state.state == "prepared"}
        self._waiting = set(self._sizes)
        self._start = time.monotonic()
        self._made = 0  # spots that this run encoded, of slides that are finished
        self._counted: dict[str, int] = {}  # spots of slides that were looked at
        for pulse in self._pulses.values():
            pulse.unlink(missing_ok=True)

    def finish(self, outcome: Outcome) -> None:
        """Take note of a slide whose turn is over."""
        self._waiting.discard(outcome.slide)
        if outcome.spots:
            self._counted[outcome.slide] = outcome.spots
        if outcome.state == "prepared":
            self._made += outcome.spots or 0

    def left_s(self) -> float | None:
        """Seconds that are left; None as long as nothing was done by which they could be told."""
        running = {name: pulse for name in self._waiting if (pulse := read_json(self._pulses[name]))}
        self._counted |= {name: int(pulse["total"]) for name, pulse in running.items()}
        made = self._made + sum(int(pulse["done"]) - int(pulse["first"]) for pulse in running.values())
        if made <= 0:
            return None if self._waiting else 0.0
        size = sum(self._sizes[name] for name in self._counted)
        per_byte = sum(self._counted.values()) / size if size else 0.0
        unseen = self._waiting - set(running) - self._idle
        left = sum(int(pulse["total"]) - int(pulse["done"]) for pulse in running.values())
        return (left + per_byte * sum(self._sizes[name] for name in unseen)) * (time.monotonic() - self._start) / made
