"""Questions of many visitors, a few at a time: the others wait in the order in which they came, and know their place.

Used from the server's event loop alone.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

LOOK_AGAIN_S, SAY_AGAIN_S = 1.0, 1.0


class TooManyError(Exception):
    """So many wait already that another would wait in vain."""


@dataclass(eq=False)
class Ticket:
    """A place in a line."""

    called: asyncio.Event = field(default_factory=asyncio.Event)


class Lane:
    """At most `at_once` tickets are inside; at most `most` wait."""

    def __init__(self, at_once: int, most: int) -> None:
        self.at_once, self._most = at_once, most
        self._inside: set[Ticket] = set()
        self._line: list[Ticket] = []

    @property
    def inside(self) -> int:
        """How many are being served."""
        return len(self._inside)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._line)

    def join(self) -> Ticket:
        """Stand in line. Raises TooManyError where it is full."""
        if self.waiting >= self._most:
            raise TooManyError
        ticket = Ticket()
        self._line.append(ticket)
        self._call()
        return ticket

    async def until_inside(self, ticket: Ticket) -> AsyncIterator[int]:
        """Yield the ticket's place (1 is next) when it has changed, once a second at most, until it left the line."""
        place, said = 0, 0.0
        while ticket in self._line:
            now = self._line.index(ticket) + 1
            if now != place and time.monotonic() - said >= SAY_AGAIN_S:
                place, said = now, time.monotonic()
                yield place
            ticket.called.clear()
            try:
                await asyncio.wait_for(ticket.called.wait(), LOOK_AGAIN_S)
            except TimeoutError:
                continue

    def leave(self, ticket: Ticket) -> None:
        """Make room, from inside or from the line; once is enough, twice does no harm."""
        self._inside.discard(ticket)
        if ticket in self._line:
            self._line.remove(ticket)
        self._call()

    def _call(self) -> None:
        while self._line and len(self._inside) < self.at_once:
            first = self._line.pop(0)
            self._inside.add(first)
        for ticket in (*self._inside, *self._line):
            ticket.called.set()


class Turns:
    """Two lanes: answers, and slides that an answer prepares; a slow slide holds up no answer about another."""

    def __init__(self, at_once: int, most: int) -> None:
        self.answers, self.preparing = Lane(at_once, most), Lane(1, most)
        self.closed = False
