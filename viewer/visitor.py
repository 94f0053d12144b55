"""Who a visitor is: a name that nobody can guess, kept in a cookie of the browser and told to no page."""

import hashlib
import re
import secrets

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "sw_visitor"
YEAR_S = 365 * 24 * 3600
_TOKEN = re.compile(r"[0-9a-f]{32}\Z")


def is_token(text: str | None) -> bool:
    """Whether this can be the name of a visitor or of a conversation."""
    return bool(text and _TOKEN.match(text))


def new_token() -> str:
    """A name that nobody can guess."""
    return secrets.token_hex(16)


def visitor_of(cookies: dict[str, str]) -> str | None:
    """The visitor, None for a browser that keeps no cookie (yet)."""
    token = cookies.get(COOKIE)
    return token if is_token(token) else None


def asker(visitor: str) -> str:
    """A visitor's name in logs and in the trail, from which the cookie cannot be told."""
    return hashlib.sha256(visitor.encode()).hexdigest()[:12]


def welcome(request: Request, response: Response) -> None:
    """Give a browser that comes to the page for the first time its name."""
    if request.url.path != "/" or visitor_of(request.cookies):
        return
    response.set_cookie(
        COOKIE, new_token(), max_age=YEAR_S, httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )
