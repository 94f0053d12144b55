"""What axe-core finds on the page: nothing serious, in light and dark, with every panel open."""

import pytest
from playwright.sync_api import Browser, Page

from setup_env import AXE_FILE
from tests.browser.conftest import opened
from tests.browser.doing import ask, lasso, panel

PANELS = ("slides", "search", "layers", "regions", "genes", "map", "take", "about")
RUN = "() => axe.run(document, { resultTypes: ['violations'] })"


def serious(page: Page) -> list[str]:
    """Serious and critical findings, each with the first place where it is found."""
    found = page.evaluate(RUN)["violations"]
    return [
        f"{v['id']}: {v['help']} at {v['nodes'][0]['target']} ({v['nodes'][0]['failureSummary']})"
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_found(browser: Browser, address: str, scheme: str):
    if not AXE_FILE.is_file():
        pytest.skip("axe-core is not set up; `make test` brings it")
    with opened(browser, address, color_scheme=scheme) as page:
        page.evaluate(AXE_FILE.read_text())  # a script tag is what the page forbids
        ask(page, "Where is the epidermis, and which genes mark it?")
        lasso(page, 0.45, 0.5, 60)
        wrong = {}
        for name in PANELS if scheme == "light" else ("layers", "genes"):
            panel(page, name)
            wrong[name] = serious(page)
        assert {name: found for name, found in wrong.items() if found} == {}
