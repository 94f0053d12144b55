"""The ten journeys on the demo slide with the built-in models: one visitor, one after the other."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.doing import PATIENCE_MS, answered, ask, lasso, painted, panel, state
from tests.conftest import DEMO
from tools.slide import open_slide

QUESTION = "Where is the epidermis, and which genes mark it?"
Shot = Callable[[str], None]


@pytest.fixture
def shot(demo_page: Page, request: pytest.FixtureRequest) -> Shot:
    """Put a picture of the page where --screenshots says."""
    folder: Path | None = request.config.getoption("--screenshots")

    def take(name: str) -> None:
        if folder is not None:
            if not demo_page.locator(".sw-tip:visible").count():
                demo_page.mouse.move(5, 5)
            demo_page.wait_for_timeout(1500)  # the view glides to its place, pictures come
            demo_page.screenshot(path=folder / f"{name}.jpg", type="jpeg", quality=84)

    return take


def test_1_open(demo_page: Page, shot: Shot):
    expect(demo_page.locator(".sw-facts")).to_contain_text("1.11 × 1.48 mm")
    expect(demo_page.locator('[data-side="left"] .sw-scale-text')).to_contain_text("µm")
    expect(demo_page.locator(".sw-invite")).to_be_visible()
    assert painted(demo_page)[2] == 0
    shot("1_open")


def test_2_ask(demo_page: Page, shot: Shot):
    ask(demo_page, QUESTION)
    chat = demo_page.locator("#sw-chat")
    expect(chat.get_by_text("Highlight region: epidermis").first).to_be_visible()
    expect(chat.locator("a[href='#r1']").first).to_be_visible()
    expect(chat.locator("a[href='#r1'] img").first).to_have_js_property("complete", True)
    shot("2_ask")


def test_3_see_the_map(demo_page: Page, shot: Shot):
    expect(demo_page.locator('[data-side="left"] .sw-legend-title')).to_have_text("epidermis")
    red, blue, _ = painted(demo_page)
    assert min(red, blue) > 1000
    assert [layer["title"] for layer in state(demo_page, "layers")] == ["epidermis"]
    chat = demo_page.locator("#sw-chat")
    chat.get_by_text("Highlight region: epidermis").first.click()
    chat.locator("img[alt^='Map']").first.scroll_into_view_if_needed()
    demo_page.wait_for_function("() => document.querySelector('#sw-chat img[alt^=Map]').naturalWidth > 200")
    shot("3_map")
    chat.get_by_text("Highlight region: epidermis").first.click()


def test_4_zoom(demo_page: Page, shot: Shot):
    zoom = "() => window.SpotWhisperer.page.left.viewer.viewport.getZoom(false)"
    before = demo_page.evaluate(zoom)
    box = demo_page.locator('[data-side="left"] .sw-osd').bounding_box()
    assert box is not None
    demo_page.mouse.move(box["x"] + 0.55 * box["width"], box["y"] + 0.35 * box["height"])
    for _ in range(40):  # wheel turns that follow each other at once count as one
        demo_page.mouse.wheel(0, -240)
        if demo_page.evaluate(zoom) > 2.5 * before:
            break
        demo_page.wait_for_timeout(60)
    assert demo_page.evaluate(zoom) > 2.5 * before
    demo_page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.3 * box["height"])
    expect(demo_page.locator('[data-side="left"] .sw-tip')).to_contain_text("high here", timeout=PATIENCE_MS)
    expect(demo_page.locator('[data-side="left"] .sw-tip')).to_contain_text("epidermis")
    shot("4_zoom")
    demo_page.get_by_role("button", name="Show the whole slide").click()
    demo_page.wait_for_function(f"(before) => Math.abs(({zoom})() - before) < 0.5", arg=before, timeout=PATIENCE_MS)


def test_5_lasso_and_describe(demo_page: Page, shot: Shot):
    demo_page.wait_for_function(
        "() => { const v = window.SpotWhisperer.page.left.viewer.viewport; "
        "return Math.abs(v.getZoom(true) - v.getZoom(false)) < 1e-3; }"
    )
    lasso(demo_page, 0.5, 0.75)
    focus = state(demo_page, "focus")
    assert demo_page.locator(".sw-chosen input").input_value() == "selection 1"
    demo_page.get_by_role("button", name="Describe this").click()
    expect(demo_page.locator("#sw-chat .user-row")).to_have_count(2, timeout=PATIENCE_MS)
    answered(demo_page)
    expect(demo_page.locator("#sw-chat").get_by_text(f"Describe {focus}").first).to_be_visible()
    expect(demo_page.locator("#sw-chat .bot-row").last).to_contain_text("selection 1", timeout=PATIENCE_MS)
    shot("5_describe")
    demo_page.get_by_role("button", name="Genes against the rest").click()
    expect(demo_page.locator(".sw-table tbody tr").nth(5)).to_be_visible(timeout=PATIENCE_MS)


def test_6_gene_overlay(demo_page: Page, shot: Shot):
    drawer = panel(demo_page, "genes")
    drawer.get_by_role("combobox", name="Find a gene").press_sequentially("krt1")
    expect(drawer.get_by_role("option").nth(2)).to_be_visible()
    drawer.get_by_role("combobox", name="Find a gene").fill("COL1A1")
    demo_page.keyboard.press("ArrowDown")
    demo_page.keyboard.press("Enter")
    expect(demo_page.locator('[data-side="left"] .sw-legend-title')).to_have_text("COL1A1", timeout=PATIENCE_MS)
    expect(demo_page.locator('[data-side="left"] .sw-legend-units')).to_contain_text("log1p CP10K, predicted")
    expect(drawer.locator(".sw-violin svg")).to_be_visible(timeout=PATIENCE_MS)
    shot("6_gene")


def test_7_compare_two_layers(demo_page: Page, shot: Shot):
    panel(demo_page, "layers").get_by_role("button", name="Compare: show epidermis in a second view").click()
    expect(demo_page.locator('[data-side="right"] .sw-legend-title')).to_have_text("epidermis", timeout=PATIENCE_MS)
    demo_page.wait_for_function("() => window.SpotWhisperer.page.right.viewer.isOpen()", timeout=PATIENCE_MS)
    demo_page.get_by_role("button", name="Let go of the region").click()
    expect(demo_page.locator(".sw-chosen")).to_be_hidden()
    demo_page.get_by_role("button", name="Zoom in (+)").click()
    demo_page.wait_for_function(
        "() => { const [a, b] = window.SpotWhisperer.page.panes.map((p) => p.viewer.viewport.getZoom(true)); "
        "return Math.abs(a - b) < 1e-6 && a > 0; }",
        timeout=PATIENCE_MS,
    )
    assert painted(demo_page, "right")[0] > 500
    shot("7_compare")
    panel(demo_page, "layers").get_by_role("button", name="End the comparison").click()
    expect(demo_page.locator('[data-side="right"]')).to_be_hidden()


def test_8_bring_a_second_slide_and_search_both(demo_page: Page, shot: Shot):
    piece = Image.fromarray(open_slide(DEMO).read(500, 1300, 0, 900, 800))
    stream = io.BytesIO()
    piece.save(stream, "PNG")
    drawer = panel(demo_page, "slides")
    drawer.get_by_label("Slide file to upload").set_input_files(
        {"name": "second slide.png", "mimeType": "image/png", "buffer": stream.getvalue()}
    )
    row = drawer.locator(".sw-slide", has_text="second_slide")
    expect(row).to_contain_text("does not store its pixel size", timeout=PATIENCE_MS)
    row.get_by_label("Micrometres per pixel").fill("0.5")
    row.get_by_role("button", name="Prepare", exact=True).click()
    expect(row.locator("progress")).to_be_visible(timeout=PATIENCE_MS)
    shot("8_prepare")
    expect(row).to_contain_text("prepared,", timeout=2 * PATIENCE_MS)
    drawer = panel(demo_page, "search")
    drawer.get_by_label("Words to find in all slides").fill("keratinocytes")
    drawer.get_by_role("button", name="Search", exact=True).click()
    expect(drawer.locator(".sw-hit", has_text="second_slide").first).to_be_visible(timeout=PATIENCE_MS)
    expect(drawer.locator(".sw-hit", has_text="cmu_small_region").first).to_be_visible()
    drawer.locator(".sw-hit", has_text="second_slide").first.click()
    expect(demo_page.locator(".sw-slide-name")).to_contain_text("second_slide", timeout=PATIENCE_MS)
    demo_page.wait_for_function("() => window.SpotWhisperer.page.left.pin?.radius > 0", timeout=PATIENCE_MS)
    shot("8_search")
    drawer.locator(".sw-hit", has_text="cmu_small_region").first.click()
    expect(demo_page.locator(".sw-slide-name")).to_contain_text("cmu_small_region", timeout=PATIENCE_MS)
    demo_page.wait_for_function("() => window.SpotWhisperer.store.state.regions.length > 1", timeout=PATIENCE_MS)


def test_9_export_for_qupath_and_read_it_back(demo_page: Page, shot: Shot, tmp_path: Path):
    drawer = panel(demo_page, "take")
    shot("9_export")
    with demo_page.expect_download() as download:
        drawer.get_by_role("link", name="Regions for QuPath").click()
    path = tmp_path / "regions.geojson"
    download.value.save_as(path)
    written = json.loads(path.read_text())
    outlines = [f for f in written["features"] if f["properties"]["objectType"] == "annotation"]
    regions = state(demo_page, "regions")
    assert len(outlines) == len(regions)
    drawer = panel(demo_page, "regions")
    drawer.locator(".sw-group", has_text="selection 1").get_by_role(
        "button", name=regions[-1]["id"], exact=True
    ).click()
    demo_page.get_by_role("button", name="Remove the region").click()
    expect(drawer.locator(".sw-group", has_text="selection 1")).to_have_count(0)
    drawer.get_by_label("File of annotations").set_input_files(path)
    expect(drawer.locator(".sw-group", has_text="selection 1")).to_be_visible(timeout=PATIENCE_MS)
    back = [region for region in state(demo_page, "regions") if region["query"] == "selection 1"]
    assert back[0]["rows"] == regions[-1]["rows"]


def test_10_reload_and_find_the_conversation_again(demo_page: Page, shot: Shot):
    regions, layers = state(demo_page, "regions"), state(demo_page, "layers")
    said = demo_page.locator("#sw-chat .user-row").count()
    demo_page.reload()
    expect(demo_page.locator("#sw-chat .user-row")).to_have_count(said, timeout=PATIENCE_MS)
    demo_page.wait_for_function("() => window.SpotWhisperer?.store?.state?.left", timeout=PATIENCE_MS)
    assert [region["id"] for region in state(demo_page, "regions")] == [region["id"] for region in regions]
    assert [layer["title"] for layer in state(demo_page, "layers")] == [layer["title"] for layer in layers]
    demo_page.wait_for_function("() => window.SpotWhisperer.page.left.viewer.isOpen()", timeout=PATIENCE_MS)
    demo_page.get_by_role("button", name="Conversations").click()
    expect(demo_page.locator(".sw-menu-title").first).to_have_text(QUESTION)
    shot("10_reload")
    demo_page.get_by_role("button", name="New conversation").click()
    expect(demo_page.locator("#sw-chat .user-row")).to_have_count(0, timeout=PATIENCE_MS)
    demo_page.get_by_role("button", name="Conversations").click()
    demo_page.locator(".sw-resume", has_text=QUESTION).first.click()
    expect(demo_page.locator("#sw-chat .user-row")).to_have_count(said, timeout=PATIENCE_MS)
