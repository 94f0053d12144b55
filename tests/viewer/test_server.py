import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from settings import Settings
from tools.workspace import Workspace
from viewer import about
from viewer.routes import OPENSEADRAGON
from viewer.server import build_app
from viewer.shelf import Shelf

pytestmark = pytest.mark.skipif(
    not OPENSEADRAGON.is_file(), reason="OpenSeadragon is not set up; `make setup` brings it"
)


@pytest.fixture(scope="module")
def web(fake_workspace: Workspace) -> TestClient:
    async def build() -> FastAPI:
        return build_app(Settings(workspace=fake_workspace.root, models="fake"))

    with ThreadPoolExecutor(1) as elsewhere:  # within a loop of its own: else Gradio makes some that nobody closes
        return TestClient(elsewhere.submit(lambda: asyncio.run(build())).result(), base_url="http://localhost")


def test_page_tiles_and_scripts_are_served(web: TestClient):
    for address in (
        "/",
        "/slides/tissue.dzi",
        "/page/main.js",
        "/vendor/openseadragon/openseadragon.min.js",
        "/healthz",
    ):
        assert web.get(address).status_code == 200, address


def test_page_names_no_other_host_and_no_path_of_this_one(web: TestClient, fake_workspace: Workspace):
    config = web.get("/config").json()
    assert config["analytics_enabled"] is False
    assert str(fake_workspace.root) not in json.dumps(config)
    assert "googleapis" not in web.get("/theme.css").text


def test_workspace_files_are_not_served(web: TestClient, fake_workspace: Workspace):
    state = fake_workspace.get("tissue")
    for address in (
        f"/gradio_api/file={state.path}",
        f"/gradio_api/file={fake_workspace.root}/slides/tissue/slide.json",
        "/page/..%2Fserver.py",
    ):
        assert web.get(address).status_code in (403, 404), address


def test_facts_say_size_scale_and_models(fake_workspace: Workspace, tissue):
    facts = about.facts("tissue", tissue, tissue.mpp, Shelf(fake_workspace))
    text = " | ".join(facts)
    assert "mm" in text
    assert "µm/px" in text
    assert f"{len(tissue.spots)} spots" in text
    assert "predicted" in text
    assert about.facts(None, None, None, Shelf(fake_workspace)) == []
    assert "no slide" in about.facts("nobody", None, None, Shelf(fake_workspace))[0].lower()
