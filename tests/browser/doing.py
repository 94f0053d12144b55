"""What the browser tests do again and again."""

import math

from playwright.sync_api import Locator, Page, expect

PATIENCE_MS = 90_000  # two slow cores


def ask(page: Page, question: str) -> None:
    """Ask the chat and wait for its answer."""
    before = page.locator("#sw-chat .user-row").count()
    page.get_by_label("Your question").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#sw-chat .user-row")).to_have_count(before + 1, timeout=PATIENCE_MS)
    answered(page)


def answered(page: Page) -> None:
    """Wait until no turn is running and the slide shows what it brought."""
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_function("() => window.SpotWhisperer.settled()", timeout=PATIENCE_MS)


def panel(page: Page, name: str) -> Locator:
    """Open a panel of the rail; its drawer."""
    button = page.locator(f'.sw-rail button[data-panel="{name}"]')
    if button.get_attribute("aria-expanded") != "true":
        button.click()
    return page.locator(".sw-drawer")


def state(page: Page, what: str):
    """Something of the state that the page shows."""
    return page.evaluate(f"() => window.SpotWhisperer.store.state.{what}")


def lasso(page: Page, share_x: float, share_y: float, radius_px: float = 70) -> None:
    """Draw around a place of the view, given as shares of its width and height."""
    page.get_by_role("button", name="Lasso spots").click()
    box = page.locator('[data-side="left"] .sw-osd').bounding_box()
    assert box is not None
    x, y = box["x"] + share_x * box["width"], box["y"] + share_y * box["height"]
    page.mouse.move(x + radius_px, y)
    page.mouse.down()
    for step in range(1, 25):
        angle = step / 24 * 2 * math.pi
        page.mouse.move(x + radius_px * math.cos(angle), y + radius_px * math.sin(angle))
    page.mouse.up()
    expect(page.locator(".sw-chosen")).to_be_visible(timeout=PATIENCE_MS)


PAINTED = """(side) => {
  const canvas = document.querySelector(`[data-side=${side}] .sw-canvas`);
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let red = 0, blue = 0, any = 0;
  for (let i = 0; i < pixels.length; i += 4) {
    if (pixels[i + 3] > 0) any++;
    if (pixels[i + 3] > 60 && pixels[i] > pixels[i + 2] + 60) red++;
    if (pixels[i + 3] > 60 && pixels[i + 2] > pixels[i] + 60) blue++;
  }
  return [red, blue, any];
}"""


def painted(page: Page, side: str = "left") -> list[int]:
    """Numbers of red, blue and all painted pixels of the spots in a view."""
    found: list[int] = page.evaluate(PAINTED, side)
    return found
