"""Small pieces of the page as HTML text; every value that comes from data is escaped."""

from collections.abc import Sequence
from html import escape


def chips(suggestions: Sequence[str]) -> str:
    """Buttons that ask the chat what they say."""
    buttons = "".join(
        f'<button type="button" class="sw-chip" data-ask="{escape(words)}">{escape(words)}</button>'
        for words in suggestions
    )
    return f'<div class="sw-chips" role="group" aria-label="Suggested questions">{buttons}</div>'
