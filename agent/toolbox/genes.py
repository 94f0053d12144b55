"""Tools about genes: which set a region apart, and where a gene is high."""

import numpy as np
from langchain.tools import ToolRuntime, tool
from numpy.typing import NDArray

from agent.events import Artifact
from agent.session import Session
from agent.toolbox.places import Place, prepared_slide, recent_places, resolve
from agent.toolbox.words import basis, counted, listed, number, p_value, part, percent, place
from tools import genes as gene_tools
from tools.errors import ToolError
from tools.prepared import PreparedSlide
from tools.score import contrast

MAX_GENES, MAX_LISTED = 6, 50
HARDLY = 0.10  # held-out correlation below which a map of a gene says nothing of the gene


@tool(response_format="content_and_artifact", parse_docstring=True)
def top_genes(
    runtime: ToolRuntime[Session], region: str, versus: str = "rest", n: int = 10
) -> tuple[str, list[Artifact]]:
    """Genes that set a region apart, with log2 fold change, AUROC, adjusted p and how well the model predicts each.

    Args:
        region: A region id (r1), several (r1, r2), "selection", "outside r1", or words such as "epidermis".
        versus: What to compare with: "rest" (all other spots), or another region written as above.
        n: How many genes, at most 50.
    """
    session = runtime.context
    slide, inside = prepared_slide(session), resolve(session, region)
    other = None if versus.strip().lower() in ("rest", "the rest", "", "other") else resolve(session, versus)
    stats = gene_tools.top_genes(slide.adata, inside.rows, other.rows if other else None, min(max(n, 1), MAX_LISTED))
    other_label = other.label if other else "the rest"
    n_other = len(np.setdiff1d(other.rows if other else np.arange(len(slide.spots)), inside.rows))
    sides = f"{inside.label}, {counted(len(inside.rows), 'spot')}, than in {other_label}, {counted(n_other, 'spot')}"
    rows = [
        {"gene": s.gene, "log2fc": s.log2fc, "auroc": s.auroc, "p_adj": s.p_adj, "reliability": _plain(s.reliability)}
        for s in stats
    ]
    artifacts = [*inside.artifacts, *(other.artifacts if other else [])]
    artifacts.append({"kind": "genes", "region": region, "versus": versus, "rows": rows})
    if not stats:
        return f"No gene is higher in {sides}.\n{basis(slide, joint=False)}", artifacts
    lines = [side.doubt for side in (inside, other) if side and side.doubt]
    lines.append(f"Genes higher in {sides}:")
    lines += [
        f"- {s.gene}: log2FC {s.log2fc:.2f}, AUROC {s.auroc:.2f}, adjusted {p_value(s.p_adj)}, "
        f"reliability {number(s.reliability)}"
        for s in stats
    ]
    lines.append(_warning(slide))
    return "\n".join([*lines, basis(slide, joint=False)]), artifacts


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _warning(slide: PreparedSlide) -> str:
    if slide.provenance.get("expression") == "measured":
        return "Note: p treats neighbouring spots as independent, so read it as a ranking."
    return (
        "Note: reliability is how well the model predicts that gene where it was measured (held-out correlation); p "
        "treats neighbouring spots as independent, so read it as a ranking."
    )


@tool(response_format="content_and_artifact", parse_docstring=True)
def show_gene(runtime: ToolRuntime[Session], genes: list[str], region: str = "") -> tuple[str, list[Artifact]]:
    """Map of one or more genes on the slide: how high they are, where, and whether they are higher in a region.

    Args:
        genes: Gene symbols, such as ["KRT14"].
        region: A region to compare with the rest, by id or in words; leave out for the regions shown last.
    """
    session = runtime.context
    slide = prepared_slide(session)
    wanted = list(dict.fromkeys(gene.strip() for gene in genes if gene.strip()))[:MAX_GENES]
    if not wanted:
        raise ToolError("Which gene? Give symbols such as KRT14.")
    found, errors = [], []
    for gene in wanted:
        try:
            found.append(gene_tools.gene_values(slide.adata, gene))
        except ToolError as error:
            errors.append(str(error))
    if not found:
        raise ToolError(" ".join(errors))
    groups = [resolve(session, region)] if region.strip() else recent_places(session)
    layers = [session.add_layer(symbol, "gene", values) for symbol, values in found]
    artifacts = [shown for group in groups for shown in group.artifacts]
    artifacts.append({"kind": "regions", "regions": [r.id for group in groups for r in group.regions]})
    artifacts += [{"kind": "layer", "layer": layer.id} for layer in reversed(layers)]
    lines = [group.doubt for group in groups if group.doubt]
    lines += [_where_high(slide, symbol, values, groups) for symbol, values in found]
    return "\n".join([*lines, *errors, basis(slide, joint=False)]), artifacts


def _where_high(slide: PreparedSlide, symbol: str, values: NDArray[np.float32], groups: list[Place]) -> str:
    var = slide.adata.var
    reliability = float(var["reliability"].get(symbol, np.nan)) if "reliability" in var else np.nan
    word = str(slide.provenance.get("expression", "predicted"))
    top = np.argsort(-values, kind="stable")[: max(3, len(values) // 10)]
    line = (
        f"{symbol} ({word}, reliability {number(reliability)}): mean {values.mean():.2f}, highest {values.max():.2f} "
        f"log1p CP10K; its highest tenth of the spots lies {part(place(slide, top))}."
    )
    sides = [_side(values, top, group) for group in groups]
    line += f" It is {listed(sides)}." if sides else ""
    if reliability < HARDLY:
        line += " The model hardly predicts this gene: its map shows the tissue that the gene was seen with, no more."
    return line


def _side(values: NDArray[np.float32], top: NDArray[np.int64], group: Place) -> str:
    c = contrast(values, group.rows)
    word = "higher" if c.auroc >= 0.55 else "lower" if c.auroc <= 0.45 else "no different"
    share = percent(len(np.intersect1d(top, group.rows)) / len(top))
    return (
        f"{word} in {group.label} (mean {c.mean_in:.2f} against {c.mean_out:.2f} elsewhere, AUROC {number(c.auroc)}; "
        f"{share} of its highest tenth lies there)"
    )
