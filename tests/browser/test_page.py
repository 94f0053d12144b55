"""What a person does on the page, in a real browser."""

from playwright.sync_api import Page, expect

QUESTION = "Where is the epidermis, and which genes mark it?"
DRAWN = "() => window.SpotWhisperer.view.overlay.layer?.order.length ?? 0"
PAINTED = """() => {
  const canvas = document.querySelector('.sw-canvas');
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let red = 0, blue = 0;
  for (let i = 0; i < pixels.length; i += 4) {
    if (pixels[i + 3] > 60 && pixels[i] > pixels[i + 2] + 60) red++;
    if (pixels[i + 3] > 60 && pixels[i + 2] > pixels[i] + 60) blue++;
  }
  return [red, blue];
}"""


def ask(page: Page, question: str) -> None:
    page.get_by_label("Your question").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#sw-chat .user").get_by_text(question).last).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible(timeout=60_000)


def test_the_slide_is_there_before_anything_is_asked(page: Page):
    page.wait_for_function("() => window.SpotWhisperer?.view?.viewer.isOpen()")
    expect(page.locator(".sw-facts")).to_contain_text("1.20 × 0.80 mm")
    expect(page.locator(".sw-scale-text")).to_contain_text("µm")
    expect(page.get_by_text("No map yet").first).to_be_visible()


def test_a_question_colours_the_slide_and_lists_genes(page: Page):
    ask(page, QUESTION)
    expect(page.locator(".sw-legend-title")).to_have_text("epidermis", timeout=60_000)
    expect(page.locator(".sw-legend-row [data-at=low]")).to_contain_text("−")
    assert page.evaluate(DRAWN) > 0
    red, blue = page.evaluate(PAINTED)
    assert min(red, blue) > 0
    expect(page.locator("#sw-chat").get_by_text("highlight_region(").first).to_be_visible()
    expect(page.locator(".sw-genes tbody tr").first).to_be_visible()
    expect(page.locator("#sw-chat .message-content a[href='#r1']").first).to_be_visible()


def test_a_gene_in_the_table_can_be_shown(page: Page):
    ask(page, QUESTION)
    gene = page.locator(".sw-genes tbody button").first
    name = gene.inner_text()
    gene.click()
    expect(page.locator(".sw-legend-units")).to_contain_text("log1p CP10K", timeout=60_000)
    expect(page.locator(".sw-legend-title")).to_contain_text(name)


def test_a_region_in_the_answer_leads_to_its_place(page: Page):
    ask(page, QUESTION)
    page.get_by_role("button", name="Show the whole slide").click()
    page.locator("#sw-chat .message-content a[href='#r1']").first.click()
    assert page.evaluate("() => window.SpotWhisperer.view.overlay.focus") == "r1"
    assert "#" not in page.url


def test_spots_can_be_hidden(page: Page):
    ask(page, "collagen")
    page.get_by_role("checkbox", name="Regions").uncheck()
    page.get_by_role("checkbox", name="Spots").uncheck()
    assert page.evaluate(PAINTED) == [0, 0]


def test_two_visitors_do_not_share_a_map(page: Page):
    ask(page, "collagen")
    other = page.context.new_page()
    other.goto("/")
    other.wait_for_selector(".sw-chip", timeout=60_000)
    other.wait_for_function("() => window.SpotWhisperer.view?.viewer.isOpen()")
    assert other.evaluate(DRAWN) == 0


def test_a_new_conversation_is_empty(page: Page):
    ask(page, "collagen")
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_text("No map yet").first).to_be_visible()
    expect(page.locator("#sw-chat .message")).to_have_count(0)
