"""Errors for the person as errors that the chat model passes on."""

from collections.abc import Iterator
from contextlib import contextmanager

from tools.errors import ModelUnavailable, MppNeeded, SlideError, ToolError


@contextmanager
def told() -> Iterator[None]:
    """What is wrong with a slide or a model is told to the chat model, which passes it on."""
    try:
        yield
    except MppNeeded as error:
        raise ToolError(
            "The file does not say how large a pixel is, so nothing can be measured. How many microns is one pixel? "
            "Open the slide again with mpp (about 0.5 for a 20x scan, 0.25 for 40x)."
        ) from error
    except (SlideError, ModelUnavailable) as error:
        raise ToolError(str(error)) from error
