"""Tool calls about all spots, all slides, or what was found: cluster, annotate, gene sets, search, export."""

import re
from typing import Any

from agent.offline import slots
from agent.offline.lexicon import first_match, pattern
from agent.offline.plan import Focus, Plan, Step
from tools.gene_sets import set_names

_LAYERS = ("rank_spots", "show_gene", "cluster_spots", "annotate_spots", "score_gene_set")


def cluster(clause: str) -> Plan:
    """Clusters, as many as were asked for."""
    n = slots.count(clause, "clusters?|groups?|classes|parts|kinds|types") or slots.number_after(
        clause, r"into|k\s*=?|in"
    )
    args: dict[str, Any] = {"n": n} if n else {}
    if not n and pattern("slots", "finer").search(clause):
        args = {"resolution": 2.0}
    elif not n and pattern("slots", "coarser").search(clause):
        args = {"resolution": 0.5}
    return Plan(steps=(Step("cluster_spots", args),))


def annotate(clause: str) -> Plan:
    """The best of several labels for every spot; without labels the clusters say what there is."""
    match = first_match("label_list", clause)
    labels = listed(next(value for value in match.groups() if value)) if match else []
    return Plan(steps=(Step("annotate_spots", {"labels": labels}),)) if len(labels) > 1 else cluster(clause)


def listed(text: str) -> list[str]:
    """a, b and c -> [a, b, c]."""
    parts = re.split(r"\s*(?:,|;|/|\bversus\b|\bvs\.?|\bor\b|\band\b|\boder\b)\s*", text, flags=re.I)
    return list(dict.fromkeys(words for part in parts if (words := slots.phrase(part))))


def gene_set(clause: str, genes: list[str]) -> Plan | None:
    """A gene set by its genes or by a known name; None when it is neither."""
    if len(genes) > 1:
        return Plan(steps=(Step("score_gene_set", {"genes": genes}),))
    lower = " ".join(re.findall(r"[\w-]+", clause.lower()))
    named = [name for name in set_names() if re.search(rf"(?<![\w-]){re.escape(name)}s?(?![\w-])", lower)]
    if not named:
        return Plan(steps=(Step("score_gene_set"),)) if re.search(r"\bgene ?sets\b", lower) else None
    return Plan(steps=(Step("score_gene_set", {"name": set_names()[max(named, key=len)]}),))


def search(clause: str) -> Plan:
    """Which slides hold something; asked for nothing, which slides there are."""
    words = slots.phrase(without_scope(clause))
    return Plan(steps=(Step("search_slides", {"query": words}) if words else Step("list_slides"),))


def without_scope(clause: str) -> str:
    """A clause without the words that say in which slides to look."""
    return pattern("slots", "frame_search_slides").sub(" ", clause)


def export(clause: str, focus: Focus, earlier: tuple[Step, ...]) -> Plan:
    """A file: its kind by its ending, by words, or by what was shown last (`earlier` steps of this message)."""
    named = pattern("slots", "file_name").search(clause)
    path = named["file"] if named else ""
    kind = path.rpartition(".")[2].lower() if path else ""
    kind = {"json": "geojson", "htm": "html"}.get(kind, kind)
    if not kind:
        kinds = ("html", "h5ad", "csv", "geojson", "png")
        kind = next((k for k in kinds if pattern("slots", f"export_{k}").search(clause)), "")
    args: dict[str, Any] = {"kind": kind or ("png" if _shows_map(focus, earlier) else "geojson")}
    return Plan(steps=(Step("export_result", args | ({"path": path} if path else {})),))


def _shows_map(focus: Focus, earlier: tuple[Step, ...]) -> bool:
    steps = earlier or focus.last_steps
    return bool(steps) and steps[-1].tool in _LAYERS and not focus.regions
