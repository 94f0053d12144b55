import io
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from pydantic import SecretStr

from settings import Settings
from tools.prepare import Runtime
from tools.workspace import PrepareOptions, SlideState, Workspace
from viewer import routes
from viewer.gate import Gate
from viewer.health import health_router
from viewer.jobs import Jobs
from viewer.routes import PageError, static_files, tile_router
from viewer.shelf import Shelf
from viewer.turns import Turns
from viewer.visits import Visits

WIDTH, HEIGHT = 900, 500


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("ws")
    half = Image.new("RGB", (WIDTH, HEIGHT), "white")
    half.paste((200, 30, 30), (WIDTH // 2, 0, WIDTH, HEIGHT))
    half.save(root / "half red.png")
    workspace = Workspace(root)
    workspace.register(SlideState("half.red", root / "half red.png", PrepareOptions(), "new"))
    (root / "gone.png").write_bytes(b"no image")
    workspace.register(SlideState("broken", root / "gone.png", PrepareOptions(), "new"))
    return workspace


def client(workspace: Workspace, password: str | None = None) -> TestClient:
    app = FastAPI()
    app.include_router(tile_router(Shelf(workspace)))
    settings = Settings(workspace=workspace.root, auth=SecretStr(password) if password else None)
    shelf, turns = Shelf(workspace), Turns(1, 1)
    jobs, visits = Jobs(workspace, Runtime("cpu")), Visits(settings, workspace, shelf)
    app.include_router(health_router(settings, visits, jobs, turns))
    app.add_middleware(Gate, settings=settings)
    return TestClient(app, base_url="http://localhost")


def test_descriptor_gives_size_and_tiles(workspace: Workspace):
    answer = client(workspace).get("/slides/half.red.dzi")
    assert answer.status_code == 200
    assert f'Width="{WIDTH}"' in answer.text
    assert f'Height="{HEIGHT}"' in answer.text


def test_tiles_show_their_part_of_the_slide(workspace: Workspace):
    web = client(workspace)
    level = 10  # 2**10 > 900: full size
    left = web.get(f"/slides/half.red_files/{level}/0_0.jpeg")
    right = web.get(f"/slides/half.red_files/{level}/3_1.jpeg")
    assert left.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(left.content)).getpixel((100, 100)) == (255, 255, 255)
    red, green, _ = Image.open(io.BytesIO(right.content)).getpixel((60, 60))
    assert red > 180 > 60 > green


@pytest.mark.parametrize("address", ["10/9_0", "10/0_9", "99/0_0", "-1/0_0", "10/-1_0", "10/0_-1"])
def test_tiles_out_of_range_are_not_found(workspace: Workspace, address: str):
    assert client(workspace).get(f"/slides/half.red_files/{address}.jpeg").status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "nobody",
        "..%2F..%2Fetc%2Fpasswd",
        "%2e%2e",
        "%2Fetc%2Fpasswd",
        "half red.png",
        "half%20red.png",
        "demo",
        "broken",
    ],
)
def test_only_slides_of_the_workspace_are_found(workspace: Workspace, name: str):
    web = client(workspace)
    assert web.get(f"/slides/{name}.dzi").status_code == 404
    assert web.get(f"/slides/{name}_files/0/0_0.jpeg").status_code == 404


def test_a_password_guards_everything_but_health(workspace: Workspace):
    web = client(workspace, "ada:löve")
    assert web.get("/healthz").status_code == 200
    for address in ("/slides/half.red.dzi", "/slides/half.red_files/0/0_0.jpeg", "/"):
        assert web.get(address).status_code == 401
        assert web.get(address, headers={"Authorization": "Basic bm86"}).status_code == 401
    signed = {"Authorization": "Basic YWRhOmzDtnZl"}
    assert web.get("/slides/half.red.dzi", headers=signed).status_code == 200


def test_answers_keep_the_browser_on_this_host(workspace: Workspace):
    policy = client(workspace).get("/healthz").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy


def test_missing_openseadragon_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(routes, "OPENSEADRAGON", tmp_path / "openseadragon.min.js")
    with pytest.raises(PageError, match=r"setup_env\.py"):
        static_files()


def test_a_slide_opened_by_path_can_be_seen_under_a_name_that_nobody_guesses(workspace: Workspace, he_png: Path):
    shelf = Shelf(workspace)
    guest = shelf.admit(SlideState("half.red", he_png, PrepareOptions(), "new"))
    assert shelf.slide(guest).path == he_png
    assert guest == shelf.admit(SlideState("half.red", he_png, PrepareOptions(), "new"))
    assert len(guest) > 20
    assert shelf.slide("half.red").width == WIDTH
    assert shelf.admit(workspace.get("half.red")) == "half.red"
    assert [state.name for state in shelf.states()] == ["broken", "half.red"]


def test_a_slide_that_left_the_workspace_is_gone(tmp_path: Path, he_png: Path):
    workspace = Workspace(tmp_path)
    workspace.register(SlideState("short", he_png, PrepareOptions(), "new"))
    web = client(workspace)
    assert web.get("/slides/short.dzi").status_code == 200
    (workspace.folder("short") / "slide.json").unlink()
    assert web.get("/slides/short.dzi").status_code == 404
