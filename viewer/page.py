"""The page's layout: the slide with its panels on the left, the conversation on the right."""

from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from viewer import fragments
from viewer.greeting import EXAMPLES
from viewer.routes import ASSETS

ASK_ON_CLICK = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-ask]');
  if (button) trigger('select', {ask: button.dataset.ask});
});
"""
MOUNT = """
import(new URL('page/main.js', document.baseURI).href).then((main) => main.mount(element, props, watch, trigger));
"""
SHOW_ANSWER = "() => window.SpotWhisperer?.showAnswer()"
GREETING = (
    "### Ask about this slide\n"
    "Name a cell type, a structure or a process in your own words, or a gene. "
    "I look for it on the tissue and say how sure I am."
)
SYSTEM_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
MONO_FONTS = ["ui-monospace", "SFMono-Regular", "Menlo", "DejaVu Sans Mono", "monospace"]


@dataclass(frozen=True)
class Page:
    """The components that change. `visit` names the conversation, and the browser hands it back with every event."""

    visit: gr.Textbox
    slide: gr.HTML
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
    visit = gr.Textbox(visible=False)
    gr.HTML('<header class="sw-head"><h1 class="sw-brand">SpotWhisperer</h1></header>', elem_id="sw-head")
    with gr.Row(elem_id="sw-main", equal_height=True):
        with gr.Column(scale=11, min_width=320, elem_id="sw-left"):
            slide = gr.HTML(
                html_template=(ASSETS / "page.html").read_text(encoding="utf-8"),
                head='<script src="vendor/openseadragon/openseadragon.min.js"></script>',  # loaded before mounting
                js_on_load=MOUNT,
                apply_default_css=False,
                elem_id="sw-slide",
                signal="{}",
            )
        with gr.Column(scale=6, min_width=320, elem_id="sw-right"):
            chat = gr.Chatbot(
                label="Conversation",
                show_label=False,
                placeholder=GREETING,
                height="100%",
                layout="bubble",
                buttons=["copy"],
                editable="user",
                latex_delimiters=[],
                elem_id="sw-chat",
            )
            chips = gr.HTML(
                fragments.chips(EXAMPLES), js_on_load=ASK_ON_CLICK, apply_default_css=False, elem_id="sw-suggestions"
            )
            box, send, stop = _ask_row()
    return Page(visit, slide, chat, chips, box, send, stop)


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
