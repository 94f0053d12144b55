"""Small pieces of the page as HTML text; every value that comes from data is escaped."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

NO_GENES = "Genes that mark a region appear here. Ask for example “which genes mark r1?”"


def chips(suggestions: Sequence[str]) -> str:
    """Buttons that ask the chat what they say."""
    buttons = "".join(
        f'<button type="button" class="sw-chip" data-ask="{escape(words)}">{escape(words)}</button>'
        for words in suggestions
    )
    return f'<div class="sw-chips" role="group" aria-label="Suggested questions">{buttons}</div>'


def facts(items: Sequence[str]) -> str:
    """One line about the slide."""
    spans = "".join(f"<span>{escape(item)}</span>" for item in items if item)
    return f'<div class="sw-facts" aria-label="About this slide">{spans}</div>'


def genes(artifact: dict[str, Any]) -> str:
    """The gene table of a region; a gene is a button that asks for its map."""
    rows = artifact.get("rows") or []
    if not rows:
        return f'<div class="sw-genes"><p class="sw-hint">{escape(NO_GENES)}</p></div>'
    versus = artifact.get("versus") or "rest"
    against = "the rest of the tissue" if versus == "rest" else versus
    caption = f"Genes of {artifact.get('region', 'the region')} against {against}"
    head = (
        '<th scope="col">Gene</th><th scope="col">log2 FC</th><th scope="col">AUROC</th><th scope="col">adj. p</th>'
        '<th scope="col" title="Pearson correlation of this gene on held-out slides: how far its prediction can be '
        'trusted">Reliability</th>'
    )
    body = "".join(_gene_row(row) for row in rows)
    return (
        f'<div class="sw-genes" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _gene_row(row: dict[str, Any]) -> str:
    name = escape(str(row["gene"]))
    button = f'<button type="button" data-ask="Show {name}" title="Show {name} on the slide">{name}</button>'
    cells = (
        _number(row["log2fc"], "+.2f"),
        _number(row["auroc"], ".2f"),
        p_value(row["p_adj"]),
        _reliability(row["reliability"]),
    )
    return f'<tr><th scope="row">{button}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def p_value(value: float | None) -> str:
    """A p-value to one digit; below 1e-300 only that it is below."""
    if _missing(value):
        return "–"
    return "&lt; 1e-300" if value < 1e-300 else f"{value:.0e}" if value < 0.01 else f"{value:.2f}"


def _reliability(value: float | None) -> str:
    if _missing(value):
        return "unknown"
    width = round(100 * min(max(value, 0.0), 1.0))
    return f'<span class="sw-meter" aria-hidden="true"><span style="width:{width}%"></span></span> {value:.2f}'


def _number(value: float | None, form: str) -> str:
    return "–" if _missing(value) else format(value, form).replace("-", "−")


def _missing(value: float | None) -> bool:
    return value is None or math.isnan(value)
