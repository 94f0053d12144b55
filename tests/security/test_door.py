"""Who gets in: the page and MCP, by host, origin, password, proxy and token."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.testclient import TestClient
from pydantic import SecretStr

from agent import mcp_server
from settings import Settings
from tools.errors import ToolError
from viewer import gate
from viewer.gate import Gate, is_shared, why_not_served
from viewer.visitor import COOKIE, new_token

ROOT = Path(__file__).parent.parent.parent
PAGE = "<html><script>let a = 1;</script><script src='x.js'></script><p onclick='no()'>hi</p></html>"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "AFTER_WRONG_S", 0.0)


def web(tmp_path: Path, client: str = "127.0.0.1", **settings: object) -> TestClient:
    app = FastAPI()

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return PAGE

    @app.get("/who")
    def who(request: Request) -> dict[str, str | None]:
        return {"visitor": request.cookies.get(COOKIE), "id": request.headers["x-request-id"]}

    @app.post("/do")
    async def do(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    app.add_middleware(Gate, settings=Settings(workspace=tmp_path, **settings))
    return TestClient(app, base_url="http://localhost", client=(client, 1234))


@pytest.mark.parametrize("host", ["localhost", "localhost:7860", "127.0.0.1:7860", "[::1]:7860", "10.1.2.3"])
def test_our_own_names_are_answered(tmp_path: Path, host: str) -> None:
    assert web(tmp_path).get("/who", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:7860", "", "a@b"])
def test_a_name_that_was_pointed_here_is_not(tmp_path: Path, host: str) -> None:
    assert web(tmp_path).get("/who", headers={"Host": host}).status_code == 421
    named = web(tmp_path, allowed_hosts=("spots.example",))
    assert named.get("/who", headers={"Host": "spots.example"}).status_code == 200


def test_another_site_changes_nothing(tmp_path: Path) -> None:
    page = web(tmp_path)
    for headers in (
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:9"},
        {"Origin": "http://localhost.evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    ):  # fmt: skip
        assert page.post("/do", headers=headers).status_code == 403, headers
    for headers in ({}, {"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}):
        assert page.post("/do", headers=headers).status_code == 200, headers


def test_a_body_larger_than_the_page_sends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LARGEST_BODY", 100)
    assert web(tmp_path).post("/do", content=b"x" * 100).json() == {"bytes": 100}
    assert web(tmp_path).post("/do", content=b"x" * 101).status_code == 413


def test_the_page_runs_its_own_scripts_and_no_others(tmp_path: Path) -> None:
    policy = web(tmp_path).get("/").headers["content-security-policy"]
    scripts = next(part for part in policy.split(";") if "script-src" in part)
    assert "'unsafe-inline'" not in scripts
    assert scripts.count("'sha256-") == 1  # of the one inline script; handlers in attributes stay forbidden
    for part in ("object-src 'none'", "base-uri 'self'", "frame-ancestors 'self'", "img-src 'self' data: blob:"):
        assert part in policy


def test_every_answer_has_the_name_of_its_request(tmp_path: Path) -> None:
    first = web(tmp_path).get("/who", headers={"X-Request-Id": "mine"})
    assert first.headers["x-request-id"] == first.json()["id"] != "mine"
    assert first.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("given", ["", "ada", "ada:", ":love"])
def test_a_password_that_is_none_is_refused_at_the_start(given: str) -> None:
    assert why_not_served(Settings(auth=SecretStr(given))) is not None


def test_another_host_needs_a_login() -> None:
    for host in ("0.0.0.0", "::", "192.168.1.2", "spots.example"):
        assert "needs a password" in str(why_not_served(Settings(host=host)))
        assert why_not_served(Settings(host=host, auth=SecretStr("ada:love"))) is None
        assert why_not_served(Settings(host=host, behind_proxy="X-Remote-User")) is None
        assert is_shared(Settings(host=host))
    for host in ("127.0.0.1", "localhost", "::1"):
        assert why_not_served(Settings(host=host)) is None and not is_shared(Settings(host=host))


def test_serving_to_others_without_a_login_ends_with_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "app.py", "serve", "--host", "0.0.0.0", "--workspace", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "SPOTWHISPERER_AUTH" in done.stderr and "Traceback" not in done.stderr


def test_a_password_is_asked_for(tmp_path: Path) -> None:
    page = web(tmp_path, auth=SecretStr("ada:löve"))
    assert page.get("/who").status_code == 401
    assert page.get("/who", auth=("ada", "wrong")).status_code == 401
    assert page.get("/who", headers={"Authorization": "Bearer ada:löve".encode()}).status_code == 401
    assert page.get("/who", auth=("ada", "löve")).status_code == 200
    assert page.get("/healthz").status_code == 404  # let through, though this app has no such route


def test_a_proxy_says_who_asks(tmp_path: Path) -> None:
    page = web(tmp_path, behind_proxy="X-Remote-User")
    assert page.get("/who").status_code == 401
    page.cookies.set(COOKIE, shared := new_token())
    ada, grace = (page.get("/who", headers={"X-Remote-User": name}).json()["visitor"] for name in ("ada", "grace"))
    assert len({ada, grace, shared}) == 3  # two people at one browser have nothing in common
    assert ada == page.get("/who", headers={"X-Remote-User": "ada"}).json()["visitor"]
    assert (tmp_path / "visitors" / ".secret").stat().st_mode & 0o077 == 0
    elsewhere = web(tmp_path / "other", behind_proxy="X-Remote-User")
    assert elsewhere.get("/who", headers={"X-Remote-User": "ada"}).json()["visitor"] != ada


def test_nobody_pretends_to_be_the_proxy(tmp_path: Path) -> None:
    page = web(tmp_path, "10.0.0.9", behind_proxy="X-Remote-User")
    forged = {"X-Remote-User": "ada", "X-Forwarded-For": "127.0.0.1"}
    assert page.get("/who", headers=forged).status_code == 403
    known = web(tmp_path, "10.0.0.9", behind_proxy="X-Remote-User", proxy_addresses=("10.0.0.9",))
    assert known.get("/who", headers={"X-Remote-User": "ada"}).status_code == 200


@pytest.fixture
def mcp() -> Iterator[TestClient]:
    app = mcp_server.http_app(lambda: None, "0.0.0.0", "t0ken-t0ken")  # type: ignore[arg-type, return-value]
    with TestClient(app, base_url="http://localhost") as client:
        yield client


HELLO = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}  # fmt: skip
ACCEPT = {"Accept": "application/json, text/event-stream"}


def test_mcp_beyond_this_machine_needs_a_token() -> None:
    with pytest.raises(ToolError, match="SPOTWHISPERER_MCP_TOKEN"):
        mcp_server.http_app(lambda: None, "0.0.0.0")  # type: ignore[arg-type, return-value]


def test_mcp_asks_for_its_token_its_name_and_no_other_site(mcp: TestClient) -> None:
    right = ACCEPT | {"Authorization": "Bearer t0ken-t0ken"}
    assert mcp.post("/mcp", json=HELLO, headers=right).status_code == 200
    for headers, status in (
        (ACCEPT, 401), (ACCEPT | {"Authorization": "Bearer t0ken"}, 401), (right | {"Host": "evil.example"}, 421),
        (right | {"Origin": "http://evil.example"}, 403),
    ):  # fmt: skip
        assert mcp.post("/mcp", json=HELLO, headers=headers).status_code == status
