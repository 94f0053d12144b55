"""One document in two forms: Markdown beside its pictures, and HTML that holds everything."""

import base64
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jinja2 import Environment
from markupsafe import Markup

TEMPLATE = Path(__file__).with_suffix(".html.j2")
Kind = Literal["text", "caveat", "heading", "list", "table", "code", "image"]


@dataclass(frozen=True)
class Picture:
    """A PNG with its caption; `beside` puts it beside the Markdown too, otherwise only the HTML has it."""

    name: str
    alt: str
    data: bytes
    beside: bool = True


@dataclass(frozen=True)
class Block:
    """A piece of the document; tables are Markdown."""

    kind: Kind
    value: str | list[str] | Picture


@dataclass
class Section:
    """A heading and what follows."""

    title: str
    blocks: list[Block] = field(default_factory=list)

    def add(self, kind: Kind, value: str | list[str] | Picture) -> None:
        """Append a block; an empty one is left out."""
        if value:
            self.blocks.append(Block(kind, value))


@dataclass(frozen=True)
class Document:
    """A report before it has a form."""

    title: str
    lead: str
    caveats: Sequence[str]
    sections: Sequence[Section]


def to_markdown(document: Document) -> str:
    """The document as Markdown; pictures are links to files beside it."""
    parts = [f"# {document.title}", document.lead, *(f"> {caveat}" for caveat in document.caveats)]
    for section in document.sections:
        parts.append(f"## {section.title}")
        parts += [text for block in section.blocks if (text := _markdown(block))]
    return "\n\n".join(parts) + "\n"


def _markdown(block: Block) -> str:
    value = block.value
    if isinstance(value, Picture):
        return f"![{value.alt}]({value.name})" if value.beside else ""
    if isinstance(value, list):
        return "\n".join(f"- {item}" for item in value)
    return {"heading": f"### {value}", "caveat": f"> {value}", "code": f"```\n{value}\n```"}.get(block.kind, value)


def to_html(document: Document) -> str:
    """The document as one HTML file without any outside resource."""
    sections = [
        {"title": section.title, "blocks": [{"kind": b.kind, "value": _html(b)} for b in section.blocks]}
        for section in document.sections
    ]
    template = Environment(autoescape=True).from_string(TEMPLATE.read_text())
    return template.render(
        title=document.title, lead=_inline(document.lead), caveats=[_inline(c) for c in document.caveats],
        sections=sections,
    )  # fmt: skip


def _html(block: Block) -> object:
    value = block.value
    if isinstance(value, Picture):
        return {"alt": value.alt, "data": base64.b64encode(value.data).decode()}
    if isinstance(value, list):
        return [_inline(item) for item in value]
    if block.kind == "table":
        lines = [line for line in value.splitlines() if not re.fullmatch(r"\|(---\|)+", line)]
        return [[_inline(text.strip()) for text in line.strip("|").split("|")] for line in lines]
    return value if block.kind == "code" else _inline(value)


def _inline(text: str) -> Markup:
    """Bold and code of Markdown as HTML."""
    safe = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html.escape(text))
    return Markup(re.sub(r"`(.+?)`", r"<code>\1</code>", safe))
