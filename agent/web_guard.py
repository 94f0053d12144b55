"""Who may ask over HTTP: the address that a browser thinks it talks to, the page that asks, and a bearer token.

A name that an attacker points at this machine (DNS rebinding) is no name of ours; a page of another site may not write.
"""

import ipaddress
import secrets
import socket
from collections.abc import Iterable
from functools import cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tools.network import is_loopback

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def is_our_host(host: str | None, names: Iterable[str]) -> bool:
    """Whether the header Host names this server: loopback, an address, this machine's own name, or one of `names`."""
    name = _name(host)
    return bool(name) and (is_loopback(name) or _is_address(name) or name in {*names, *_own_names()})


def may_write(headers: Headers, names: Iterable[str]) -> bool:
    """Whether a request that changes something comes from our own page, or from no page at all."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    try:
        asking = urlsplit(origin)
        return bool(asking.netloc) and (asking.netloc == headers.get("host") or asking.hostname in set(names))
    except ValueError:
        return False


class TokenGuard:
    """Lets through what is asked of our own address, by no other site, with the bearer token where there is one."""

    def __init__(self, app: ASGIApp, token: str | None, names: Iterable[str] = ()) -> None:
        self._app, self._token, self._names = app, token, tuple(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI call."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            refusal = self._refusal(headers, str(scope["method"]))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Headers, method: str) -> PlainTextResponse | None:
        if not is_our_host(headers.get("host"), self._names):
            return PlainTextResponse("This server is not called that.", 421)
        if "origin" in headers and not may_write(headers, self._names):
            return PlainTextResponse("Another site may not ask this server.", 403)
        given = headers.get("authorization", "")
        if self._token and not secrets.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            return PlainTextResponse("A bearer token is needed.", 401, {"WWW-Authenticate": "Bearer"})
        return None


def _name(host: str | None) -> str:
    """The host without its port, lower case; empty where it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".") if host else ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@cache
def _own_names() -> frozenset[str]:
    return frozenset({socket.gethostname().lower()})
