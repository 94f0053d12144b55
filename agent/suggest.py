"""What one might ask next, given what the tools have just shown."""

from collections.abc import Sequence

from agent.events import ToolFinished
from agent.session import Session

_NEXT = {
    "show_gene": ("How reliable is this?", "Save this map as a figure"),
    "cluster_spots": ("Which genes mark cluster 1?", "Compare cluster 1 with cluster 2", "Save it for QuPath"),
    "annotate_spots": ("Save the table as csv", "Cluster the spots"),
    "describe_region": ("Zoom in on it", "Which genes are high there?"),
    "compare_regions": ("Make a report of our conversation",),
    "spatial_relation": ("Save it for QuPath",),
    "view_region": ("Describe it",),
    "search_slides": ("Which slides do you have?",),
    "export_result": ("Make a report of our conversation",),
}


def suggestions(finished: Sequence[ToolFinished], session: Session) -> tuple[str, ...]:
    """Up to three next questions, each of which every chat model understands."""
    if session.slide is None:
        return ("Which slides do you have?", "Infer the expression" if session.opened else "Open demo")
    asked = {event.tool for event in finished}
    found: list[str] = []
    for event in reversed(finished):
        if not event.failed:
            found += _after(event, asked)
    seen = {region.query.lower() for region in session.regions.values()}
    fresh = [term for term in ("epidermis", "immune cells", "fibroblasts", "collagen") if term not in seen]
    found += [*(f"Where can I see {term}?" for term in fresh), "What am I looking at?"]
    return tuple(dict.fromkeys(found))[:3]


def _after(event: ToolFinished, asked: set[str]) -> list[str]:
    if event.tool == "highlight_region":
        follow = [] if "top_genes" in asked else ["Which genes are high there?"]
        query = event.args.get("query")
        return [*follow, *([f"Heat map of {query}"] if query and "rank_spots" not in asked else [])]
    if event.tool == "top_genes":
        rows = [row for shown in event.artifacts if shown.get("kind") == "genes" for row in shown["rows"]]
        return [f"Show me {row['gene']}" for row in rows[:1]] + ["How reliable is this?"]
    if event.tool == "rank_spots":
        return [f"Where is {event.args['query']}?", f"Which genes mark {event.args['query']}?"]
    return list(_NEXT.get(event.tool, ()))
