"""What stands before every route: who may come in, what a browser may do with the page, a name for each request."""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.answer_trail import new_id
from agent.web_guard import UNSAFE, is_our_host, may_write
from settings import Settings
from tools.files import atomic
from tools.logs import event, request_id
from tools.network import is_loopback
from viewer.visitor import COOKIE, visitor_of

OPEN = ("/healthz", "/health/live", "/health/ready")  # for whoever watches over the server; they tell nothing
LARGEST_BODY = 64_000_000  # of everything but uploads of slides, which have a limit of their own
UPLOADS = "/sw/uploads/"
AFTER_WRONG_S = 0.2
# The browser itself refuses any other host, whatever a library or an answer asks for. Gradio compiles the handlers of
# its HTML components in the browser, which takes 'unsafe-eval'; inline scripts are those of the page's own source only.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval' blob:{scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-src 'none'; "
    "frame-ancestors 'self'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
_INLINE = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.S | re.I)
Sender = Callable[[Message], Awaitable[None]]


class Gate:
    """An ASGI app around the page's."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._names = app, settings.allowed_hosts
        self._auth = settings.auth.get_secret_value() if settings.auth else None
        self._person_in = settings.behind_proxy
        self._proxies = frozenset(settings.proxy_addresses)
        self._secret = settings.workspace / "visitors" / ".secret"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["headers"] = [(key, value) for key, value in scope["headers"] if key != b"x-request-id"]
        name, start, status = new_id(), time.monotonic(), 0
        token = request_id.set(name)
        scope["headers"].append((b"x-request-id", name.encode()))

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS | {"X-Request-Id": name})
                headers.setdefault("Content-Security-Policy", POLICY.format(scripts=""))
            await send(message)

        try:
            refusal = self._refusal(scope)
            if refusal is not None:
                if refusal.status_code == 401:
                    await anyio.sleep(AFTER_WRONG_S)
                await refusal(scope, receive, sent)
            else:
                page = scope["path"] == "/" and scope["method"] == "GET"
                if page:  # its scripts are read on the way out
                    scope["headers"] = [(key, value) for key, value in scope["headers"] if key != b"accept-encoding"]
                limited = receive if scope["path"].startswith(UPLOADS) else _limited(receive)
                await self._app(scope, limited, _Hashing(sent) if page else sent)
        finally:
            ms = round(1000 * (time.monotonic() - start), 1)
            event("request", method=scope["method"], path=scope["path"], status=status, ms=ms, request=name)
            request_id.reset(token)

    def _refusal(self, scope: Scope) -> Response | None:
        """What is answered instead of the page; None where the request may pass."""
        headers, path = Headers(scope=scope), scope["path"]
        if path in OPEN and scope["method"] == "GET":
            return None
        if self._person_in is None and not is_our_host(headers.get("host"), self._names):
            return PlainTextResponse("This server is not called that; name it in the setting allowed_hosts.", 421)
        if scope["method"] in UNSAFE and not may_write(headers, self._names):
            return PlainTextResponse("Another site may not change anything here.", 403)
        if scope["method"] in UNSAFE and not path.startswith(UPLOADS) and _length(headers) > LARGEST_BODY:
            return PlainTextResponse("This is larger than anything that the page sends.", 413)
        return self._not_let_in(scope, headers)

    def _not_let_in(self, scope: Scope, headers: Headers) -> Response | None:
        if self._person_in is not None:
            if (scope.get("client") or ("",))[0] not in self._proxies:
                return PlainTextResponse("Come through the proxy.", 403)
            person = headers.get(self._person_in, "").strip()
            if not person:
                return PlainTextResponse("The proxy did not say who asks.", 401)
            self._is_visitor(scope, headers, person)
            if headers.get("x-forwarded-proto") == "https":
                scope["scheme"] = "https"
        elif self._auth is not None:
            expected = f"Basic {base64.b64encode(self._auth.encode()).decode()}"
            if not secrets.compare_digest(headers.get("authorization", "").encode(), expected.encode()):
                return PlainTextResponse(
                    "Who is there?", 401, {"WWW-Authenticate": 'Basic realm="SpotWhisperer", charset="UTF-8"'}
                )
        return None

    def _is_visitor(self, scope: Scope, headers: Headers, person: str) -> None:
        """The person whom the proxy named is the visitor, whatever cookie the browser, perhaps a shared one, holds."""
        token = hmac.new(self._key(), person.encode(), hashlib.sha256).hexdigest()[:32]
        others = [part for part in headers.get("cookie", "").split(";") if not part.strip().startswith(f"{COOKIE}=")]
        cookie = "; ".join([*(part.strip() for part in others if part.strip()), f"{COOKIE}={token}"])
        kept = [(key, value) for key, value in scope["headers"] if key != b"cookie"]
        scope["headers"] = [*kept, (b"cookie", cookie.encode("latin-1", "replace"))]
        assert visitor_of({COOKIE: token}) == token

    def _key(self) -> bytes:
        if not self._secret.is_file():
            with atomic(self._secret) as part:
                part.touch(0o600)
                part.write_bytes(secrets.token_bytes(32))
        return self._secret.read_bytes()


class _Hashing:
    """Sends the page with a policy that allows the inline scripts of its own source, by their hashes, and no others."""

    def __init__(self, send: Sender) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] != "http.response.body" or self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        digests = {hashlib.sha256(found).digest() for found in _INLINE.findall(self._body)}
        scripts = "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in sorted(digests))
        MutableHeaders(scope=self._start)["Content-Security-Policy"] = POLICY.format(scripts=scripts)
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": self._body})


def _limited(receive: Receive) -> Receive:
    """Hangs up on a body that grows beyond what any request of the page has."""
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        return message if size <= LARGEST_BODY else {"type": "http.disconnect"}

    return limited


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isdigit() else 0


def why_not_served(settings: Settings) -> str | None:
    """Why the page cannot be opened to others as it is set up; None where it can."""
    if settings.auth is not None and not all(settings.auth.get_secret_value().partition(":")):
        return "The setting auth is 'user:password'."
    if is_loopback(settings.host) or settings.behind_proxy is not None:
        return None
    if settings.auth is None:
        return (
            f"At {settings.host} the page can be reached by others, so it needs a password: set SPOTWHISPERER_AUTH "
            "to user:password; or put a proxy that logs people in before it, and name the header in which it says who "
            "asks (--behind-proxy X-Remote-User); or leave the host at 127.0.0.1."
        )
    return None


def is_shared(settings: Settings) -> bool:
    """Whether others than the person who started the server use it."""
    return not is_loopback(settings.host) or settings.behind_proxy is not None or settings.auth is not None
