"""Tools that put a region into words: what sets it apart, and how two regions differ."""

from dataclasses import asdict

import numpy as np
from langchain.tools import ToolRuntime, tool
from numpy.typing import NDArray

from agent.events import Artifact
from agent.session import Session
from agent.toolbox.places import Place, prepared_slide, resolve
from agent.toolbox.words import area, basis, counted, listed, number, p_value, part, percent, place
from tools import genes as gene_tools
from tools.enrichment import STANDS_OUT, Enriched, distinct, enriched_terms
from tools.prepared import PreparedSlide

MOST_TERMS, MOST_GENES, MOST_TWINS = 4, 6, 2


@tool(response_format="content_and_artifact", parse_docstring=True)
def describe_region(runtime: ToolRuntime[Session], region: str) -> tuple[str, list[Artifact]]:
    """What a region is, in words: its size, the terms that fit it better than the rest, and the genes that are high.

    Args:
        region: An id (r1), several (r1, r2), "selection", a cluster (c2), "outside r1", or words such as "stroma".
    """
    session = runtime.context
    slide, inside = prepared_slide(session), resolve(session, region)
    rest = np.setdiff1d(np.arange(len(slide.spots)), inside.rows)
    terms = enriched_terms(slide, inside.rows)
    artifacts = [*inside.artifacts, _terms_artifact(region, "rest", terms)]
    lines = [
        f"{inside.label}: {counted(len(inside.rows), 'spot')}, {area(len(inside.rows) * slide.spots.cell_um2)}, "
        f"{percent(len(inside.rows) / len(slide.spots))} of the sampled tissue, {part(place(slide, inside.rows))}.",
        f"Terms that fit it better than the rest: {_terms_line(terms)}.",
    ]
    lines.append(_genes_line(slide, inside.rows, None, region, "rest", artifacts))
    if len(rest) < 3:
        lines.append("There is no other tissue to compare it with, so only the terms can be told.")
    return "\n".join([*_doubts(inside), *lines, basis(slide)]), artifacts


@tool(response_format="content_and_artifact", parse_docstring=True)
def compare_regions(runtime: ToolRuntime[Session], region_a: str, region_b: str) -> tuple[str, list[Artifact]]:
    """How two regions differ: genes and terms that are higher in the one and in the other.

    Args:
        region_a: A region id (r1), "selection", a cluster (c2), "outside r1", or words such as "epidermis".
        region_b: The other region, written in the same way; "rest" for all other tissue.
    """
    session = runtime.context
    slide, a = prepared_slide(session), resolve(session, region_a)
    rest = region_b.strip().lower() in ("rest", "the rest", "")
    b = Place(np.setdiff1d(np.arange(len(slide.spots)), a.rows), "the rest") if rest else resolve(session, region_b)
    shared = len(np.intersect1d(a.rows, b.rows))
    only_a, only_b = np.setdiff1d(a.rows, b.rows), np.setdiff1d(b.rows, a.rows)
    artifacts = [*a.artifacts, *b.artifacts]
    lines = [
        f"{a.label}, {counted(len(a.rows), 'spot')}, against {b.label}, {counted(len(b.rows), 'spot')}"
        + (f"; {counted(shared, 'spot')} in both are left out." if shared else ".")
    ]
    for here, there, label, names in (
        (only_b, only_a, b.label, (region_b, region_a)),
        (only_a, only_b, a.label, (region_a, region_b)),
    ):
        line = _genes_line(slide, here, there, *names, artifacts)
        terms = enriched_terms(slide, here, there) if len(here) and len(there) else []
        lines.insert(1, f"Higher in {label}: {line[0].lower()}{line[1:]} Terms: {_terms_line(terms)}.")
        artifacts.append(_terms_artifact(*names, terms))
    note = "Note: p treats neighbouring spots as independent, so read it as a ranking."
    return "\n".join([*_doubts(a, b), *lines, note, basis(slide)]), artifacts


def _doubts(*places: Place) -> list[str]:
    return [found.doubt for found in places if found.doubt]


def _terms_artifact(region: str, versus: str, terms: list[Enriched]) -> Artifact:
    return {"kind": "terms", "region": region, "versus": versus, "rows": [asdict(term) for term in terms[:12]]}


def _terms_line(terms: list[Enriched]) -> str:
    """Terms that beat nearly all unrelated phrases, best first."""
    clear = distinct([term for term in terms if term.beats >= STANDS_OUT])[:MOST_TERMS]
    if not clear:
        return "none stands out from unrelated phrases"
    return ", ".join(
        f"{t.term} (score {t.inside:.2f} here, {t.outside:.2f} there, above {percent(t.beats)} of unrelated phrases"
        f"{_untold(t)})"
        for t in clear
    )


def _untold(term: Enriched) -> str:
    return f"; not told apart here from {listed(term.twins[:MOST_TWINS])}" if term.twins else ""


def _genes_line(
    slide: PreparedSlide,
    rows: NDArray[np.int64],
    versus: NDArray[np.int64] | None,
    region: str,
    other: str,
    artifacts: list[Artifact],
) -> str:
    """The leading genes in a sentence; their table goes to `artifacts`."""
    n_other = len(slide.spots) - len(rows) if versus is None else len(versus)
    if min(len(rows), n_other) < 3:
        return "Too few spots to compare genes."
    stats = gene_tools.top_genes(slide.adata, rows, versus, MOST_GENES)
    rows_ = [asdict(s) | {"reliability": None if np.isnan(s.reliability) else s.reliability} for s in stats]
    artifacts.append({"kind": "genes", "region": region, "versus": other, "rows": rows_})
    if not stats:
        return "No gene is higher."
    said = [
        f"{s.gene} (log2FC {s.log2fc:.2f}, AUROC {s.auroc:.2f}, reliability {number(s.reliability)})" for s in stats
    ]
    return f"Genes {', '.join(said)}; the largest adjusted {p_value(max(s.p_adj for s in stats))}."
