"""In a real browser: names, labels and words that carry HTML, scripts and links to elsewhere do nothing."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import opened, served_copy
from tests.browser.doing import ask
from tools.workspace import Workspace

PAYLOAD = '<img src=x onerror="window.pwned=1"><svg onload="window.pwned=2"> [go](javascript:window.pwned=3)'
LEAK = "![p](https://evil.example/p.png?d=1) <iframe src=https://evil.example></iframe> https://evil.example/x"


@pytest.fixture(scope="module")
def hostile(fake_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own, over a copy of the synthetic slide."""
    with served_copy(fake_workspace, tmp_path_factory) as url:
        yield url


def test_words_of_a_person_stay_words(browser: Browser, hostile: str) -> None:
    with opened(browser, hostile) as page:  # fails on a console error, and on a request to another host
        ask(page, f"heat map of {PAYLOAD}")
        ask(page, f"where is {LEAK}")
        page.wait_for_timeout(500)
        assert_inert(page)
        assert page.get_by_text("onerror=").count() > 0  # it is shown, as text


def test_names_of_regions_and_layers_stay_names(browser: Browser, hostile: str) -> None:
    with opened(browser, hostile) as page:
        visit = json.loads(page.evaluate("async () => JSON.stringify(window.SpotWhisperer.store.state)"))["visit"]
        for path, body in (
            (f"sw/visits/{visit}/regions", {"rows": [1, 2, 3], "name": PAYLOAD[:110]}),
            (f"sw/visits/{visit}/layers", {"kind": "score", "words": PAYLOAD[:110]}),
        ):
            done = page.evaluate(
                "async ([path, body]) => (await fetch(path, {method: 'POST', headers: "
                "{'Content-Type': 'application/json'}, body: JSON.stringify(body)})).status",
                [path, body],
            )
            assert done == 200
        page.reload()
        page.wait_for_function("() => window.SpotWhisperer?.page.left.viewer.isOpen()", timeout=60_000)
        ask(page, "describe r1")
        page.wait_for_timeout(500)
        assert_inert(page)


def test_a_script_that_got_into_the_page_is_not_run(browser: Browser, hostile: str) -> None:
    """The policy holds even where something slipped through: inline handlers and foreign pictures are refused."""
    context = browser.new_context(base_url=hostile)
    page = context.new_page()
    page.goto("/")
    page.wait_for_selector(".sw-chip", timeout=60_000)
    refused: list[str] = page.evaluate(
        """async () => {
          const seen = [];
          document.addEventListener('securitypolicyviolation', (event) => seen.push(event.effectiveDirective));
          const holder = document.createElement('div');
          holder.innerHTML = '<img src="data:," onerror="window.pwned=1"><img src="https://evil.example/a.png">';
          document.body.append(holder);
          await new Promise((done) => setTimeout(done, 800));
          return seen;
        }"""
    )
    assert page.evaluate("() => window.pwned") is None
    assert {"script-src-attr", "img-src"} <= set(refused)
    context.close()


def assert_inert(page: Page) -> None:
    assert page.evaluate("() => window.pwned") is None
    chat = page.locator("#sw-chat")
    for power in (
        "img[src='x']",
        "svg[onload]",
        "iframe",
        "a[href^='javascript']",
        "a[href*='evil']",
        "img[src*='evil']",
    ):
        assert chat.locator(power).count() == 0, power
