"""Files that somebody who is not at the command line may open: one rule, held at every door."""

import os
import socket
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent.mcp_server import _call
from agent.session import Session
from agent.toolbox.running import run_tool
from tests.synthetic import write_he_png
from tools.allowed import allowed_path
from tools.errors import SlideError, ToolError
from tools.prepared import PreparedSlide
from tools.workspace import Workspace
from viewer.intake import Intake, Quota
from viewer.routes import tile_router
from viewer.shelf import Shelf

FOREIGN = (
    "../outside.png",
    "a/../../outside.png",
    "/etc/passwd",
    "/proc/self/environ",
    "/dev/zero",
    "~/slide.svs",
    "~root/slide.svs",
    "~nobody-of-that-name/slide.svs",
    "\\\\server\\share\\slide.svs",
    "//server/share/slide.svs",
    "C:\\slides\\a.svs",
    "http://127.0.0.1:1/a.svs",
    "https://example.org/a.svs",
    "file:///etc/passwd",
    "s3://bucket/a.svs",
    "ftp://host/a.svs",
    "data:image/png;base64,AAAA",
    "a\x00.svs",
    "x" * 5_000,
    "",
    "link.png",
    "linked/outside.png",
    "loop.png",
    "pipe.svs",
    "door.svs",
    "holds_a_link",
)


@pytest.fixture
def allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one slide, and with everything that must not be opened from it."""
    folder = tmp_path / "allowed"
    (folder / "a").mkdir(parents=True)
    write_he_png(folder / "good.png")
    outside = write_he_png(tmp_path / "outside.png")
    (folder / "link.png").symlink_to(outside)
    (folder / "linked").symlink_to(tmp_path)
    (folder / "loop.png").symlink_to(folder / "loop.png")
    os.mkfifo(folder / "pipe.svs")
    (folder / "holds_a_link").mkdir()
    (folder / "holds_a_link" / "spatial").symlink_to(tmp_path)
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("door.svs")
    return folder


@pytest.mark.parametrize("path", FOREIGN, ids=ascii)
def test_the_rule_refuses(allowed: Path, path: str) -> None:
    with pytest.raises(SlideError) as refusal:
        allowed_path(path, [allowed])
    assert len(str(refusal.value)) < 300


def test_the_rule_lets_through_what_is_inside(allowed: Path) -> None:
    good = (allowed / "good.png").resolve()
    for path in ("good.png", "./a/../good.png", str(good)):
        assert allowed_path(path, [allowed]) == good
    assert allowed_path("a", [allowed]) == (allowed / "a").resolve()


def test_a_refusal_does_not_tell_what_exists(allowed: Path) -> None:
    said = []
    for name in ("there.png", "gone!.png"):
        path = allowed.parent / name
        if name.startswith("there"):
            path.write_bytes(b"x")
        with pytest.raises(SlideError) as refusal:
            allowed_path(str(path), [allowed])
        said.append(str(refusal.value).replace(name, "NAME"))
    assert said[0] == said[1]


@pytest.mark.parametrize("path", FOREIGN, ids=ascii)
def test_chat_and_mcp_refuse(allowed: Path, tmp_path: Path, path: str) -> None:
    session = Session(Workspace(tmp_path / "workspace"))
    session.slide_folders = (allowed,)
    with pytest.raises(ToolError):
        run_tool(session, "open_slide", {"slide": path})
    assert _call(session, "open_slide", {"slide": path}, lambda _: None).is_error
    assert session.opened is None
    run_tool(session, "open_slide", {"slide": str(allowed / "good.png")})
    assert session.opened is not None


@pytest.mark.parametrize("path", FOREIGN, ids=ascii)
def test_the_pages_folders_refuse(allowed: Path, tmp_path: Path, path: str) -> None:
    intake = Intake(Workspace(tmp_path / "workspace"), "fake", [allowed], Quota(1, 1, 1))
    with pytest.raises(SlideError):
        intake.pick(0, path)
    assert intake.pick(0, "good.png").name == "good"


@pytest.mark.parametrize("path", FOREIGN, ids=ascii)
def test_tile_routes_know_names_and_no_paths(fake_workspace: Workspace, path: str) -> None:
    app = FastAPI()
    app.include_router(tile_router(Shelf(fake_workspace)))
    web = TestClient(app)
    for address in (
        f"/slides/{quote(path[:900], safe='')}.dzi",
        f"/slides/{quote(path[:900], safe='')}_files/0/0_0.jpeg",
    ):
        assert web.get(address).status_code in (404, 405), address


@pytest.mark.parametrize("path", ["../../evil.csv", "/tmp/evil.csv", "..\\evil.csv", "a/b/evil.csv", ".hidden", "\x00"])
def test_exports_stay_in_the_workspace(fake_workspace: Workspace, tissue: PreparedSlide, path: str) -> None:
    session = Session(fake_workspace, slide=tissue, opened=tissue.name)
    _, artifacts = run_tool(session, "export_result", {"kind": "csv", "path": path})
    written = Path(artifacts[0]["path"]).resolve()
    assert written.parent == (fake_workspace.root / "exports").resolve() and written.suffix == ".csv"


def test_mcp_hands_out_only_what_this_conversation_wrote(fake_workspace: Workspace, tissue: PreparedSlide) -> None:
    from agent.mcp_resources import content, resources

    one, other = (Session(fake_workspace, slide=tissue, opened=tissue.name) for _ in range(2))
    run_tool(one, "export_result", {"kind": "csv", "path": "private.csv"})
    mine = [found.uri for found in resources(one) if found.uri.startswith("spotwhisperer://exports/")]
    assert len(mine) == 1
    assert mine[0] not in {found.uri for found in resources(other)}
    with pytest.raises(ToolError):
        content(other, mine[0])
