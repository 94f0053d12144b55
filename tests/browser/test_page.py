"""What a person does on the page beside the ten journeys, in a real browser over the synthetic slide."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import opened
from tests.browser.doing import PATIENCE_MS, answered, ask, lasso, painted, panel, state

QUESTION = "Where is the epidermis, and which genes mark it?"


def test_a_region_in_the_answer_leads_to_its_place(page: Page):
    ask(page, QUESTION)
    page.get_by_role("button", name="Show the whole slide").click()
    page.locator("#sw-chat a[href='#r1']").first.click()
    expect(page.locator(".sw-chosen .sw-id")).to_have_text("r1", timeout=PATIENCE_MS)
    assert "#" not in page.url


def test_spots_and_regions_can_be_hidden(page: Page):
    ask(page, QUESTION)
    drawer = panel(page, "layers")
    assert painted(page)[2] > 0
    drawer.get_by_role("checkbox", name="Spots").uncheck()
    assert painted(page)[2] == 0
    drawer.get_by_role("checkbox", name="Spots").check()
    drawer.get_by_role("slider", name="Opacity").fill("0.2")
    assert painted(page)[:2] == [0, 0]
    assert painted(page)[2] > 0


def test_layers_are_renamed_shown_and_removed(page: Page):
    ask(page, "collagen")
    drawer = panel(page, "layers")
    drawer.get_by_label("Words or a gene to map").fill("KRT5")
    page.keyboard.press("Enter")
    expect(page.locator('[data-side="left"] .sw-legend-title')).to_have_text("KRT5", timeout=PATIENCE_MS)
    first = drawer.locator(".sw-list .sw-row").last
    first.get_by_role("textbox").fill("fibres")
    page.keyboard.press("Enter")
    drawer.get_by_role("button", name="Show fibres", exact=True).click()
    expect(page.locator('[data-side="left"] .sw-legend-title')).to_have_text("fibres", timeout=PATIENCE_MS)
    drawer.get_by_role("button", name="Remove fibres").click()
    expect(drawer.locator(".sw-list .sw-row")).to_have_count(1)
    assert painted(page)[2] == 0


def test_the_same_words_by_expression_and_by_image_side_by_side(page: Page):
    drawer = panel(page, "layers")
    drawer.get_by_label("Words or a gene to map").fill("stroma")
    drawer.get_by_label("What words are matched with").select_option("both")
    drawer.get_by_role("button", name="Map", exact=True).click()
    right = page.locator('[data-side="right"]')
    expect(right.locator(".sw-legend-title")).to_have_text("stroma (image-text)", timeout=PATIENCE_MS)
    expect(page.locator('[data-side="left"] .sw-legend-title')).to_have_text("stroma")
    page.wait_for_function("() => window.SpotWhisperer.page.right.viewer.isOpen()", timeout=PATIENCE_MS)
    assert painted(page, "right")[2] > 0


def test_old_outlines_do_not_stay_under_a_new_map(page: Page):
    ask(page, "where is the epidermis?")
    assert all(region["shown"] for region in state(page, "regions"))
    ask(page, "collagen")
    old = [region for region in state(page, "regions") if region["query"] == "epidermis"]
    assert old
    assert not any(region["shown"] for region in old)
    panel(page, "regions").get_by_role("button", name="Show epidermis", exact=True).click()
    page.wait_for_function("() => window.SpotWhisperer.store.state.regions.some((region) => region.shown)")


def test_spots_are_chosen_on_the_histogram_and_by_box(page: Page):
    ask(page, "collagen")
    chart = page.locator('[data-side="left"] .sw-histogram').bounding_box()
    assert chart is not None
    page.mouse.move(chart["x"] + 0.7 * chart["width"], chart["y"] + 15)
    page.mouse.down()
    page.mouse.move(chart["x"] + chart["width"] - 1, chart["y"] + 15, steps=4)
    page.mouse.up()
    page.get_by_role("button", name=re.compile(r"Select \d+ spots? from")).click()
    expect(page.locator(".sw-chosen input")).to_have_value(re.compile("^collagen"), timeout=PATIENCE_MS)
    page.get_by_role("button", name="Box around spots").click()
    box = page.locator('[data-side="left"] .sw-osd').bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.35 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"], steps=4)
    page.mouse.up()
    expect(page.locator(".sw-chosen input")).to_have_value("selection 1", timeout=PATIENCE_MS)
    rows, xy = state(page, "regions.at(-1).rows"), page.evaluate("() => [...window.SpotWhisperer.store.spots.xy]")
    xs, ys = [xy[2 * row] for row in rows], [xy[2 * row + 1] for row in rows]
    assert (max(xs) - min(xs)) / (max(ys) - min(ys)) == pytest.approx(
        0.3 * box["width"] / 0.35 / box["height"], rel=0.3
    )


def test_the_slide_turns_with_its_spots(page: Page):
    ask(page, "epithelium")
    at = """() => { const { page, store } = window.SpotWhisperer, pane = page.left, { xy } = store.spots, m = pane.map;
      const v = pane.viewer.viewport, p = v.imageToViewerElementCoordinates(new OpenSeadragon.Point(xy[0], xy[1]));
      const s = Math.hypot(m.a, m.b);
      return [m.a * xy[0] + m.c * xy[1] + m.e - p.x, m.b * xy[0] + m.d * xy[1] + m.f - p.y, m.a / s, m.b / s]; }"""
    page.get_by_role("button", name="Turn by 90 degrees").click()
    page.wait_for_function(
        "() => Math.abs(window.SpotWhisperer.page.left.viewer.viewport.getRotation(true) - 90) < 0.1"
    )
    page.wait_for_function("() => Math.abs(window.SpotWhisperer.page.left.map.a) < 0.001")
    dx, dy, a, b = page.evaluate(at)
    assert (round(dx), round(dy), round(a), round(b)) == (0, 0, 0, 1)


def test_clusters_are_drawn_with_their_captions(page: Page):
    drawer = panel(page, "map")
    drawer.get_by_label("Number of clusters").fill("3")
    drawer.get_by_role("button", name="Find clusters").click()
    expect(drawer.locator(".sw-share")).to_have_count(3, timeout=PATIENCE_MS)
    expect(page.locator('[data-side="left"] .sw-category')).to_have_count(3)
    drawer.locator(".sw-share").first.click()
    expect(page.locator(".sw-chosen input")).to_have_value(re.compile("^c1: "), timeout=PATIENCE_MS)


def test_a_question_is_edited_and_asked_again(page: Page):
    ask(page, "collagen")
    ask(page, "fat")
    page.locator("#sw-chat .message-row").first.hover()
    page.get_by_role("button", name="Edit").first.click()
    page.locator("#sw-chat textarea").first.fill("epithelium")
    page.get_by_role("button", name="Submit").first.click()
    expect(page.locator("#sw-chat .user-row")).to_have_count(1, timeout=PATIENCE_MS)
    answered(page)
    expect(page.locator("#sw-chat .user-row")).to_contain_text("epithelium")
    expect(page.locator('[data-side="left"] .sw-legend-title')).to_have_text("epithelium", timeout=PATIENCE_MS)


def test_two_visitors_see_nothing_of_each_other(page: Page, browser: Browser, address: str):
    ask(page, "collagen")
    url = page.url
    with opened(browser, address) as other:
        assert state(other, "layers") == []
        other.goto(url)  # the address names a conversation, and is no key to it
        other.wait_for_function("() => window.SpotWhisperer?.store?.state")
        assert state(other, "layers") == []
        other.get_by_role("button", name="Conversations").click()
        expect(other.locator(".sw-menu")).to_contain_text("for you alone")


def test_a_new_conversation_is_empty(page: Page):
    ask(page, "collagen")
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator("#sw-chat .user-row")).to_have_count(0, timeout=PATIENCE_MS)
    page.wait_for_function("() => window.SpotWhisperer.store.state.layers.length === 0")
    assert painted(page)[2] == 0


def test_a_workspace_without_slides_says_what_to_do(browser: Browser, empty_address: str):
    with opened(browser, empty_address, slide=False) as page:
        expect(page.locator(".sw-drawer h2")).to_have_text("Slides", timeout=PATIENCE_MS)
        expect(page.locator(".sw-empty").first).to_contain_text("Slides panel")
        expect(page.get_by_role("button", name="Open demo")).to_be_visible()


def test_everything_without_a_mouse(page: Page):
    page.keyboard.press("Escape")
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("/")
    page.keyboard.type("epithelium")
    page.keyboard.press("Enter")
    expect(page.locator("#sw-chat .user-row")).to_have_count(1, timeout=PATIENCE_MS)
    answered(page)
    page.get_by_role("application", name="Slide.").focus()
    before = page.evaluate("() => window.SpotWhisperer.page.left.viewer.viewport.getZoom()")
    page.keyboard.press("+")
    page.wait_for_function("(before) => window.SpotWhisperer.page.left.viewer.viewport.getZoom() > before", arg=before)
    page.keyboard.press("v")
    expect(page.locator(".sw-chosen")).to_be_visible(timeout=PATIENCE_MS)
    page.keyboard.press("5")
    expect(page.locator(".sw-drawer h2")).to_have_text("Genes")
    page.keyboard.press("Escape")
    expect(page.locator(".sw-drawer")).to_be_hidden()
    assert page.evaluate("() => document.activeElement.dataset.panel") == "genes"


@pytest.mark.parametrize("size", [(1280, 720), (1024, 768), (768, 1024)], ids=str)
def test_nothing_is_cut_off(browser: Browser, address: str, size: tuple[int, int]):
    with opened(browser, address, viewport={"width": size[0], "height": size[1]}, has_touch=size[0] < 1280) as page:
        ask(page, QUESTION)
        lasso(page, 0.45, 0.5, 50)
        for name in ("layers", "genes"):
            panel(page, name)
        scrolls = "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        assert page.evaluate(scrolls) == list(size)
        for found in (".sw-tools", ".sw-drawer", ".sw-chosen", ".sw-legend", "#sw-ask", "#sw-chat", ".sw-head-right"):
            box = page.locator(f"{found}:visible").first.bounding_box()
            assert box is not None, found
            assert box["x"] >= 0, found
            assert box["y"] >= 0, found
            assert box["x"] + box["width"] <= size[0] + 1, found
            assert box["y"] + box["height"] <= size[1] + 1, found
