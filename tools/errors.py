"""Errors by audience.

ToolError        a sentence that the chat model (and so the person) can act on: a wrong gene, an unknown region
SlideError       a sentence for the person about a slide or spots: expected, found, what to do
  MppNeeded      the slide does not say how large a pixel is
ModelUnavailable (models.card) a sentence for the person about missing weights

Everything else propagates: it is our bug.
"""

from models.card import ModelUnavailable

__all__ = ["ModelUnavailable", "MppNeeded", "SlideError", "ToolError"]


class ToolError(Exception):
    """What a tool was asked cannot be done; the message says why and what can."""


class SlideError(Exception):
    """A slide, its spots or its workspace folder cannot be used; the message says what was found and what to do."""


class MppNeeded(SlideError):  # noqa: N818 - it asks a question
    """The slide stores no microns per pixel and none was given."""
