"""The tool that scores a gene set over the slide."""

import numpy as np
from langchain.tools import ToolRuntime, tool

from agent.events import Artifact
from agent.session import Session
from agent.toolbox.places import prepared_slide, recent_places
from agent.toolbox.words import basis, counted, listed, number, part, percent, place
from tools import gene_sets
from tools.errors import ToolError
from tools.score import contrast


@tool(response_format="content_and_artifact", parse_docstring=True)
def score_gene_set(
    runtime: ToolRuntime[Session], genes: list[str] | None = None, name: str = ""
) -> tuple[str, list[Artifact]]:
    """Map of a gene set's score, against genes of like expression, and where it is high. Give name or genes.

    Args:
        genes: Gene symbols of a set of your own, such as ["CD3D", "CD3E", "CD2"].
        name: Or a known set, such as "hypoxia", "proliferation", "interferon gamma", "tertiary lymphoid structure".
    """
    session = runtime.context
    slide = prepared_slide(session)
    if not genes and not name.strip():
        known = ", ".join(gene_sets.named_sets())
        raise ToolError(f"Which genes? Give a list of symbols, or one of the known sets: {known}.")
    title, wanted, source = (name or "your genes", tuple(genes), "") if genes else gene_sets.find_set(name)
    found = gene_sets.score_gene_set(slide.adata, wanted, title, source)
    layer = session.add_layer(f"gene set {found.name}", "score", found.values)
    top = np.argsort(-found.values, kind="stable")[: max(3, len(found.values) // 10)]
    lines = [
        f"Gene set {found.name} ({', '.join(found.genes)}): its highest tenth of the spots lies "
        f"{part(place(slide, top))}; {percent(float((found.values > 2).mean()))} of the spots score above 2 SD of "
        "random sets of like expression."
    ]
    if found.missing:
        lines.append(f"Not predicted here: {', '.join(found.missing)} ({len(found.genes)} of {len(wanted)} genes are).")
    together = "hang together" if found.coherence > found.chance + 0.1 else "hang together no more than random sets"
    lines.append(
        f"The genes {together} (mean correlation with the rest of the set {found.coherence:.2f}; random sets "
        f"{found.chance:.2f}); mean reliability {number(found.reliability)}."
    )
    groups = recent_places(session)
    sides = [(group, contrast(found.values, group.rows)) for group in groups]
    if sides:
        words = [
            f"{'higher' if c.auroc >= 0.55 else 'lower' if c.auroc <= 0.45 else 'no different'} in {group.label} "
            f"(mean {c.mean_in:.2f} against {c.mean_out:.2f}, AUROC {number(c.auroc)}, "
            f"{counted(len(group.rows), 'spot')})"
            for group, c in sides
        ]
        lines.append(f"It is {listed(words)}.")
    if found.source:
        lines.append(f"Set after: {found.source}.")
    return "\n".join([*lines, basis(slide, joint=False)]), [{"kind": "layer", "layer": layer.id}]
