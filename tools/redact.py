"""Secrets out of texts that people read: logs, errors, reports, the audit trail."""

import re

HIDDEN = "[hidden]"
SHORTEST = 6  # what is shorter is a placeholder ("none"), and hiding it would blank ordinary words
_LOOKS_SECRET = re.compile(
    r"\bsk-[\w-]{8,}|\bhf_\w{16,}|\bgh[opsur]_\w{20,}|\bAKIA[0-9A-Z]{16}\b|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+"
    r"|(?<=[Bb]earer )[\w.~+/=-]{6,}|(?<=[Bb]asic )[\w+/=]{8,}|(?<=://)[^/\s@]+(?=@)"
)
_known: set[str] = set()


def keep_secret(*secrets: str | None) -> None:
    """Never let these texts through `redacted` again."""
    _known.update(secret for secret in secrets if secret and len(secret) >= SHORTEST)


def redacted(text: str) -> str:
    """`text` without known secrets, and without what looks like one: keys, bearer tokens, passwords in addresses."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _LOOKS_SECRET.sub(HIDDEN, text)
