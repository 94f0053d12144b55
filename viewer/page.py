"""The page's layout: the slide on the left with its legend and genes, the conversation on the right."""

from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from viewer import fragments
from viewer.routes import ASSETS
from viewer.visits import EXAMPLES

ASK_ON_CLICK = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-ask]');
  if (button) trigger('select', {ask: button.dataset.ask});
});
"""
MOUNT_SLIDE = "window.SpotWhisperer.mountSlide(element, props, watch);"
SHOW_ANSWER = "() => window.SpotWhisperer.showAnswer()"
SCRIPTS = (
    "vendor/openseadragon/openseadragon.min.js",
    "page/spot_overlay.js",
    "page/slide_view.js",
    "page/conversation.js",
)
GREETING = (
    "### Ask about this slide\n"
    "Name a cell type, a structure or a process in your own words, or a gene. "
    "I look for it on the tissue and say how sure I am."
)
SYSTEM_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
MONO_FONTS = ["ui-monospace", "SFMono-Regular", "Menlo", "DejaVu Sans Mono", "monospace"]


@dataclass(frozen=True)
class Page:
    """The components that change."""

    picker: gr.Dropdown
    facts: gr.HTML
    fresh: gr.Button
    slide: gr.HTML
    genes: gr.HTML
    chat: gr.Chatbot
    chips: gr.HTML
    box: gr.Textbox
    send: gr.Button
    stop: gr.Button

    def components(self) -> list[Any]:
        """All of them, as outputs of an event."""
        return [getattr(self, field.name) for field in fields(self)]


def theme() -> gr.themes.Base:
    """Quiet colours and the system's own fonts, so that nothing is fetched."""
    base = gr.themes.Default(primary_hue="teal", neutral_hue="slate", font=SYSTEM_FONTS, font_mono=MONO_FONTS)
    return base.set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
    )


def lay_out() -> Page:
    """Place every component; call inside a `gr.Blocks`."""
    with gr.Row(elem_id="sw-header", equal_height=True):
        gr.HTML('<h1 class="sw-brand">SpotWhisperer</h1>', elem_id="sw-brand", min_width=150, scale=0)
        picker = gr.Dropdown(
            label="Slide", show_label=False, container=False, elem_id="sw-picker", scale=0, min_width=230
        )
        facts = gr.HTML(fragments.facts([]), elem_id="sw-facts", apply_default_css=False, scale=1)
        fresh = gr.Button("New conversation", size="sm", elem_id="sw-fresh", scale=0, min_width=150)
    with gr.Row(elem_id="sw-main", equal_height=True):
        with gr.Column(scale=3, min_width=480, elem_id="sw-left"):
            slide = gr.HTML(
                html_template=(ASSETS / "slide_view.html").read_text(encoding="utf-8"),
                head="".join(f'<script src="{address}"></script>' for address in SCRIPTS),  # loaded before mounting
                js_on_load=MOUNT_SLIDE,
                apply_default_css=False,
                elem_id="sw-slide",
                slide="{}",
                spots="{}",
                layer="{}",
                regions="[]",
            )
            genes = _asking(fragments.genes({}), "sw-genes-panel")
        with gr.Column(scale=2, min_width=360, elem_id="sw-right"):
            chat = gr.Chatbot(
                label="Conversation",
                show_label=False,
                placeholder=GREETING,
                height="100%",
                layout="bubble",
                buttons=["copy"],
                latex_delimiters=[],
                elem_id="sw-chat",
            )
            chips = _asking(fragments.chips(EXAMPLES), "sw-suggestions")
            box, send, stop = _ask_row()
    return Page(picker, facts, fresh, slide, genes, chat, chips, box, send, stop)


def _asking(html: str, elem_id: str) -> gr.HTML:
    """HTML whose buttons ask the chat what their data-ask says."""
    return gr.HTML(html, js_on_load=ASK_ON_CLICK, apply_default_css=False, elem_id=elem_id)


def _ask_row() -> tuple[gr.Textbox, gr.Button, gr.Button]:
    with gr.Row(elem_id="sw-ask", equal_height=True):
        box = gr.Textbox(
            label="Your question",
            show_label=False,
            container=False,
            placeholder="Ask about cells, structures, genes, regions",
            lines=1,
            max_lines=4,
            scale=1,
            autofocus=True,
            elem_id="sw-box",
        )
        send = gr.Button("Ask", variant="primary", scale=0, min_width=76, elem_id="sw-send")
        stop = gr.Button("Stop", variant="stop", scale=0, min_width=76, visible=False, elem_id="sw-stop")
    return box, send, stop
