"""A conversation as one HTML file that needs nothing else: questions, answers, figures, tables, what it rests on."""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image

from tools.files import atomic

_STYLE = """
body{font:16px/1.55 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1f}
h1{font-size:1.5rem;margin-bottom:.2rem}
h2{font-size:1.1rem;margin:2.2rem 0 .4rem;border-top:1px solid #ccc;padding-top:1rem}
.facts,.meta,figcaption,caption{color:#555;font-size:.9rem}figure{margin:1rem 0}
img{max-width:100%;border:1px solid #ddd}
table{border-collapse:collapse;font-size:.9rem;margin:.8rem 0}caption{text-align:left}
th,td{padding:.2rem .7rem;border-bottom:1px solid #e3e3e3;text-align:right}
th:first-child,td:first-child{text-align:left}
details{font-size:.9rem;color:#333}pre{white-space:pre-wrap;background:#f6f6f8;padding:.6rem;border-radius:4px}
.warning{background:#fff6df;border-left:4px solid #d9a400;padding:.5rem .8rem}
@media print{details{display:none}h2,figure{break-inside:avoid}}
"""
WARNING = (
    "For research. Expression is inferred from the H&E image unless a line says that it was measured. This is no "
    "medical device, and nothing here is a diagnosis."
)


@dataclass(frozen=True)
class ReportPicture:
    """A figure with its caption."""

    image: Image.Image
    caption: str


@dataclass(frozen=True)
class ReportTable:
    """Rows with the same keys."""

    caption: str
    rows: Sequence[dict[str, Any]]


@dataclass(frozen=True)
class ReportTurn:
    """A question, its answer, what the tools said (`steps`: call, words), and what there is to see."""

    question: str
    answer: str
    steps: Sequence[tuple[str, str]] = ()
    pictures: Sequence[ReportPicture] = ()
    tables: Sequence[ReportTable] = ()


@dataclass(frozen=True)
class Report:
    """A whole conversation about slides."""

    title: str
    facts: Sequence[str] = ()
    turns: Sequence[ReportTurn] = field(default_factory=list)


def report_html(report: Report, made: datetime | None = None) -> str:
    """The report as one HTML document; all text is escaped, images are embedded."""
    when = (made or datetime.now().astimezone()).strftime("%Y-%m-%d %H:%M %Z")
    facts = "".join(f"<li>{escape(fact)}</li>" for fact in report.facts)
    turns = "".join(_turn(turn) for turn in report.turns) or "<p>Nothing has been asked yet.</p>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(report.title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f'<h1>{escape(report.title)}</h1><p class="meta">SpotWhisperer, {escape(when)}</p>'
        f'<p class="warning">{escape(WARNING)}</p><ul class="facts">{facts}</ul>{turns}</body></html>\n'
    )


def write_report(path: Path, report: Report) -> Path:
    """Write `report_html` to a file."""
    with atomic(path) as part:
        part.write_text(report_html(report), encoding="utf-8")
    return path


def _turn(turn: ReportTurn) -> str:
    pictures = "".join(_picture(picture) for picture in turn.pictures)
    tables = "".join(_table(table) for table in turn.tables)
    steps = "".join(f"<pre><b>{escape(call)}</b>\n{escape(words)}</pre>" for call, words in turn.steps)
    how = f"<details><summary>What the tools said</summary>{steps}</details>" if steps else ""
    return f"<section><h2>{escape(turn.question)}</h2>{_prose(turn.answer)}{pictures}{tables}{how}</section>"


def _prose(text: str) -> str:
    """Paragraphs and lists of an answer in Markdown, the rest as it stands."""
    html, items = [], []
    for line in [*text.splitlines(), ""]:
        if re.match(r"[-*] ", line):
            items.append(f"<li>{escape(line[2:])}</li>")
            continue
        if items:
            html.append(f"<ul>{''.join(items)}</ul>")
            items = []
        if line.strip():
            html.append(f"<p>{escape(line)}</p>")
    return "".join(html)


def _picture(picture: ReportPicture) -> str:
    stream = io.BytesIO()
    picture.image.convert("RGB").save(stream, "JPEG", quality=88)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    caption = escape(picture.caption)
    image = f'<img alt="{caption}" src="data:image/jpeg;base64,{data}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _table(table: ReportTable) -> str:
    if not table.rows:
        return ""
    head = "".join(f"<th>{escape(str(key))}</th>" for key in table.rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{_cell(v)}</td>' for v in row.values())}</tr>" for row in table.rows)
    return f"<table><caption>{escape(table.caption)}</caption><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.1e}" if value and abs(value) < 0.001 else f"{value:.3g}"
    return escape(", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
