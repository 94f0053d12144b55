"""The routes beside the chat, over a prepared slide with fake models."""

import asyncio
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anndata
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from settings import Settings
from tests.synthetic import MPP, write_he_png
from tools.prepare import PrepareOptions, prepare
from tools.workspace import Workspace
from viewer.routes import OPENSEADRAGON
from viewer.server import build_app
from viewer.visitor import COOKIE, new_token, visitor_of

pytestmark = pytest.mark.skipif(
    not OPENSEADRAGON.is_file(), reason="OpenSeadragon is not set up; `make setup` brings it"
)


class Page:
    """A visitor's page with a conversation about the slide."""

    def __init__(self, app: FastAPI):
        self.web = TestClient(app, base_url="http://localhost")
        self.visitor = new_token()
        self.web.cookies.set(COOKIE, self.visitor)
        self.visit = app.state.visits.begin(self.visitor)
        self.visit.open("tissue")

    def get(self, path: str, status: int = 200):
        answer = self.web.get(f"/sw/visits/{self.visit.name}{path}")
        assert answer.status_code == status, answer.text
        return answer

    def do(self, method: str, path: str, body=None, status: int = 200) -> dict:
        answer = self.web.request(method, f"/sw/visits/{self.visit.name}{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    root = tmp_path_factory.mktemp("api")
    picture = write_he_png(tmp_path_factory.mktemp("slides") / "tissue.png")
    prepare(Workspace(root), str(picture), PrepareOptions(mpp=MPP, models="fake"))
    (root / "allowed").mkdir()
    write_he_png(root / "allowed" / "offered.png")

    async def build() -> FastAPI:
        return build_app(Settings(workspace=root, models="fake", slide_folders=(root / "allowed",), upload_limit_mb=1))

    with ThreadPoolExecutor(1) as elsewhere:  # within a loop of its own: else Gradio makes some that nobody closes
        built = elsewhere.submit(lambda: asyncio.run(build())).result()
    yield built
    built.state.jobs.close()


@pytest.fixture
def page(app: FastAPI) -> Page:
    return Page(app)


def test_the_first_answer_brings_a_cookie_that_scripts_cannot_read(app: FastAPI):
    web = TestClient(app, base_url="http://localhost")
    given = web.get("/").headers["set-cookie"]
    assert "HttpOnly" in given
    assert "SameSite=lax" in given
    assert visitor_of(dict(web.cookies)) is not None
    assert "set-cookie" not in web.get("/").headers


def test_nobody_reaches_the_visit_of_another(app: FastAPI, page: Page):
    other = TestClient(app, base_url="http://localhost", cookies={COOKIE: new_token()})
    without = TestClient(app, base_url="http://localhost")
    for path in ("", "/spots", "/markers?region=r1", "/export/csv", "/embedding", "/layers/l1.bin", "/regions/r1.jpg"):
        assert other.get(f"/sw/visits/{page.visit.name}{path}").status_code == 404
        assert without.get(f"/sw/visits/{page.visit.name}{path}").status_code == 404
    assert other.delete(f"/sw/conversations/{page.visit.name}").status_code == 404
    assert without.get("/sw/slides").status_code == 403


def test_a_gene_and_a_phrase_become_layers(page: Page):
    state = page.do("POST", "/layers", {"kind": "gene", "words": "krt5"})
    assert [layer["title"] for layer in state["layers"]] == ["KRT5"]
    state = page.do("POST", "/layers", {"kind": "score", "words": "stroma", "minus": "fat", "side": "right"})
    assert (state["left"], state["right"]) == ("l1", "l2")
    assert state["layers"][1]["title"] == "stroma minus fat"
    values = np.frombuffer(page.get("/layers/l2.bin").content, "<f4")
    slide = page.visit.session.slide
    np.testing.assert_allclose(values, slide.text_scores("stroma", "fat"))
    assert page.do("POST", "/layers", {"kind": "gene", "words": "NOGENE"}, 422)["detail"].startswith("The model does")


def test_a_phrase_is_matched_with_the_image_beside_the_expression(page: Page):
    page.do("POST", "/layers", {"kind": "score", "words": "stroma"})
    state = page.do("POST", "/layers", {"kind": "score", "words": "stroma", "scorer": "image-text", "side": "right"})
    assert [layer["title"] for layer in state["layers"]] == ["stroma", "stroma (image-text)"]
    assert (state["left"], state["right"]) == ("l1", "l2")
    assert page.get("/layers/l1.bin").content != page.get("/layers/l2.bin").content
    page.do("POST", "/layers", {"kind": "score", "words": "stroma", "scorer": "tea leaves"}, 422)


def test_layers_are_renamed_shown_and_removed(page: Page):
    page.do("POST", "/layers", {"kind": "gene", "words": "KRT5"})
    assert page.do("PATCH", "/layers/l1", {"title": "keratin"})["layers"][0]["title"] == "keratin"
    assert page.do("POST", "/views", {"left": None, "right": "l1"})["right"] == "l1"
    assert page.do("POST", "/views", {"left": "l99", "right": None})["left"] is None
    assert page.do("DELETE", "/layers/l1")["layers"] == []
    page.do("PATCH", "/layers/l1", {"title": "x"}, 404)


def test_a_selection_becomes_a_region_that_the_chat_knows(page: Page):
    state = page.do("POST", "/regions", {"rows": [5, 1, 2, 2]})
    region = state["regions"][0]
    assert (region["query"], region["rows"], region["own"], state["focus"]) == ("selection 1", [1, 2, 5], True, "r1")
    np.testing.assert_array_equal(page.visit.session.selection, [1, 2, 5])
    assert page.visit.session.regions["r1"].query == "selection 1"
    assert page.do("POST", "/regions", {"rows": [7]})["regions"][1]["query"] == "selection 2"
    assert page.do("PATCH", "/regions/r1", {"title": "gland"})["regions"][0]["query"] == "gland"
    assert page.do("POST", "/focus", {"region": "r1"})["focus"] == "r1"
    assert page.do("POST", "/hidden", {"regions": ["r1", "r77"]})["regions"][0]["shown"] is False
    assert [found["id"] for found in page.do("DELETE", "/regions/r1")["regions"]] == ["r2"]
    page.do("POST", "/regions", {"rows": [10**6]}, 422)
    page.do("POST", "/regions", {"rows": []}, 422)


def test_genes_of_a_region_and_of_a_spot(page: Page):
    left = [int(i) for i in np.flatnonzero(page.visit.session.slide.spots.l0_xy[:, 0] < 400)]
    page.do("POST", "/regions", {"rows": left})
    rows = page.get("/markers?region=r1").json()
    assert rows[0]["gene"].startswith(("KRT", "EPCAM", "CDH1", "PERP", "DSP", "SFN"))
    page.get("/markers?region=r9", 404)
    spot = page.get(f"/spots/{left[0]}").json()["genes"]
    assert spot[0]["z"] > 0
    page.get("/spots/99999", 404)
    told = page.get("/genes/krt5").json()
    assert told["gene"] == "KRT5"


def test_clusters_are_categories_with_captions(page: Page):
    state = page.do("POST", "/clusters", {"n": 3})
    layer = state["layers"][0]
    assert (layer["kind"], len(layer["labels"])) == ("category", 3)
    assert set(np.frombuffer(page.get(f"/layers/{layer['id']}.bin").content, "<f4")) == {0, 1, 2}
    page.do("POST", "/clusters", {"n": 99}, 422)


def test_pictures_of_layers_and_regions_are_kept(page: Page):
    page.do("POST", "/layers", {"kind": "gene", "words": "KRT5"})
    page.do("POST", "/regions", {"rows": [3, 4]})
    picture = Image.open(io.BytesIO(page.get("/layers/l1.png").content))
    assert picture.width > 300
    assert Image.open(io.BytesIO(page.get("/regions/r1.jpg").content)).size == (160, 160)
    page.do("DELETE", "/layers/l1")
    page.visit.session.layers.clear()
    assert page.get("/layers/l1.png").status_code == 200
    page.get("/layers/l9.png", 404)


def test_what_is_exported_for_qupath_is_read_back(page: Page):
    page.do("POST", "/regions", {"rows": list(range(12)), "name": "gland"})
    page.do("POST", "/layers", {"kind": "gene", "words": "KRT5"})
    answer = page.get("/export/geojson")
    assert "tissue.geojson" in answer.headers["content-disposition"]
    page.do("DELETE", "/regions/r1")
    state = page.web.post(f"/sw/visits/{page.visit.name}/annotations", content=answer.content).json()
    (region,) = state["regions"]
    assert (region["query"], region["rows"], region["own"]) == ("gland", list(range(12)), True)
    wrong = page.web.post(f"/sw/visits/{page.visit.name}/annotations", content=b"no")
    assert wrong.status_code == 422


def test_every_file_that_can_be_taken_away(page: Page, tmp_path: Path):
    page.do("POST", "/layers", {"kind": "score", "words": "stroma"})
    page.do("POST", "/regions", {"rows": [1, 2, 3]})
    for event in page.visit.ask("where is the stroma?"):
        assert event
    assert page.get("/export/csv").text.startswith("spot,x,y")
    assert Image.open(io.BytesIO(page.get("/export/png").content)).width > 1000
    (tmp_path / "a.h5ad").write_bytes(page.get("/export/h5ad").content)
    assert "score: stroma" in anndata.read_h5ad(tmp_path / "a.h5ad").obs
    report = page.get("/export/report").text
    assert "where is the stroma?" in report
    assert "data:image/jpeg" in report
    assert "sw/visits" not in report
    talk = page.get("/export/talk").text
    assert "## where is the stroma?" in talk
    assert "sw/visits" not in talk
    page.get("/export/exe", 404)


def test_conversations_are_listed_and_forgotten(page: Page):
    page.do("POST", "/regions", {"rows": [1]})
    assert [entry["id"] for entry in page.web.get("/sw/conversations").json()] == [page.visit.name]
    assert page.web.delete(f"/sw/conversations/{page.visit.name}").json() == []
    page.get("", 404)


def test_a_slide_is_brought_prepared_and_searched(app: FastAPI, page: Page, tmp_path: Path):
    picture = write_he_png(tmp_path / "x.png").read_bytes()
    name = page.web.put("/sw/uploads/second one.png", content=picture).json()["slide"]
    assert name == "second_one"
    assert page.web.post("/sw/jobs", json={"slide": name}).status_code == 422  # its pixel size is not known
    assert page.web.post("/sw/jobs", json={"slide": name, "mpp": 1.0}).json()["state"] in ("waiting", "running")
    app.state.jobs._pool.submit(lambda: None).result(timeout=120)  # the queue is done when this is
    row = next(row for row in page.web.get("/sw/slides").json()["slides"] if row["name"] == name)
    assert (row["state"], row["job"]) == ("prepared", None)
    hits = page.web.get("/sw/search", params={"q": "epithelium", "top": 50}).json()
    assert {hit["slide"] for hit in hits} == {"tissue", name}
    where = {"x": hits[0]["x"], "y": hits[0]["y"], "um": 200}
    assert page.web.get(f"/sw/slides/{name}/crop.jpg", params=where).headers["content-type"] == "image/jpeg"
    assert page.web.get(f"/sw/slides/{name}/thumb.jpg").status_code == 200
    assert page.web.get("/sw/slides/nobody/thumb.jpg").status_code == 422


def test_uploads_that_are_no_slides_or_too_large_leave_nothing(app: FastAPI, page: Page):
    folder = app.state.visits._workspace.root / "uploads"
    before = sorted(folder.glob("*")) if folder.exists() else []
    for name, body, status in (
        ("a.exe", b"x", 422),
        ("a.png", b"no picture", 422),
        ("..%2F..%2Fa.sh", b"x", 404),
        ("big.png", b"0" * 1_000_001, 413),
    ):
        assert page.web.put(f"/sw/uploads/{name}", content=body).status_code == status, name
    assert (sorted(folder.glob("*")) if folder.exists() else []) == before


def test_only_slides_of_allowed_folders_can_be_picked(page: Page):
    (offered,) = page.web.get("/sw/folders").json()
    assert offered["path"] == "offered.png"
    assert page.web.post("/sw/folders", json={"folder": 0, "path": "offered.png"}).json() == {"slide": "offered"}
    for path in ("../slides/tissue/slide.json", "/etc/passwd", "../../x.png", "none.png"):
        assert page.web.post("/sw/folders", json={"folder": 0, "path": path}).status_code == 422, path
    assert page.web.post("/sw/folders", json={"folder": 7, "path": "offered.png"}).status_code == 422


def test_no_answer_names_a_path_of_this_machine(app: FastAPI, page: Page):
    root = str(app.state.visits._workspace.root)
    for path in ("/sw/slides", "/sw/folders", f"/sw/visits/{page.visit.name}", "/sw/conversations"):
        assert root not in json.dumps(page.web.get(path).json()), path
