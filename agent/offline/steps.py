"""A clause whose intent is known to tool calls: the slots that each tool needs."""

import re
from typing import Any

from agent.offline import region_steps, slots, whole_steps
from agent.offline.lexicon import names_tissue, pattern
from agent.offline.plan import Focus, FromStep, Plan, Step


def fill(
    intent: str, clause: str, masked: str, genes: list[str], focus: Focus, earlier: tuple[Step, ...]
) -> Plan | None:
    """The plan for a clause whose intent is known; None when a slot that it needs is missing."""
    if intent in ("about_method", "about_trust"):
        return Plan(steps=(Step("describe_slide"),), topic="method" if intent == "about_method" else "trust")
    if intent in ("list_slides", "describe_slide", "infer_expression"):
        return Plan(steps=(Step(intent),))
    if intent == "open_slide":
        return _open(clause, focus)
    if intent == "tile_slide":
        size = slots.sizes(clause)
        given = {"spot_um": size.spot_um, "pitch_um": size.pitch_um, "layout": size.layout}
        return Plan(steps=(Step("tile_slide", {key: value for key, value in given.items() if value is not None}),))
    known = _of_regions(intent, clause, focus) if intent in _REGION_INTENTS else None
    if intent in _REGION_INTENTS:
        return known
    if intent in _WHOLE_INTENTS:
        return _of_all(intent, clause, genes, focus, earlier)
    if intent == "show_gene":
        return _show_gene(masked, genes, focus)
    if intent == "top_genes":
        return _top_genes(clause, focus)
    if intent == "rank_spots" and not slots.fraction(clause):
        return _rank(clause, focus, earlier)
    return _highlight(clause, focus, earlier)


_MAPS = ("rank_spots", "show_gene", "score_gene_set", "cluster_spots", "annotate_spots")
_REGION_INTENTS = ("describe_region", "view_region", "compare_regions", "spatial_relation", "similar_spots")
_WHOLE_INTENTS = ("cluster_spots", "annotate_spots", "score_gene_set", "search_slides", "export_result")


def _of_regions(intent: str, clause: str, focus: Focus) -> Plan | None:
    if intent == "describe_region":
        return region_steps.describe(clause, focus)
    if intent == "view_region":
        return region_steps.view(clause, focus)
    if intent == "compare_regions":
        return region_steps.compare(clause, focus)
    if intent == "similar_spots":
        return region_steps.alike(clause, focus)
    return region_steps.relate(clause, focus) or _highlight(clause, focus, ())


def _of_all(intent: str, clause: str, genes: list[str], focus: Focus, earlier: tuple[Step, ...]) -> Plan | None:
    if intent == "cluster_spots":
        return whole_steps.cluster(clause)
    if intent == "annotate_spots":
        return whole_steps.annotate(clause)
    if intent == "search_slides":
        return whole_steps.search(clause)
    if intent == "export_result":
        return whole_steps.export(clause, focus, earlier)
    return whole_steps.gene_set(clause, genes) or _top_genes(clause, focus)


def _open(clause: str, focus: Focus) -> Plan | None:
    mpp, clause = slots.pixel_size(clause)
    match = pattern("slots", "open_verb").search(clause)
    name = match.group(1) if match else ""
    name = re.sub(r"\s+(?:slide|please|again|now|image|file|for me|instead)\b", "", name, flags=re.I).strip(" '\"?.,")
    if name.lower() in ("", "slide", "other", "another", "next", "file", "image", "it", "other one"):
        name = focus.slide if mpp is not None else ""
    if not name:
        return Plan(steps=(Step("list_slides"),))
    return Plan(steps=(Step("open_slide", {"slide": name} | ({"mpp": mpp} if mpp is not None else {})),))


def _show_gene(masked: str, genes: list[str], focus: Focus) -> Plan | None:
    if not genes:
        return Plan(steps=(Step("show_gene", {"genes": list(focus.genes)}),)) if focus.genes else None
    step = Step("show_gene", {"genes": genes})
    rest = masked.rpartition("GENE")[2]
    if pattern("slots", "explicit_region").search(rest) or (focus.regions and slots.reference(rest, focus)):
        return Plan(steps=(Step("show_gene", {"genes": genes, "region": slots.reference(rest, focus)}),))
    place = re.search(r"\b(?:where|in|inside|within)\b (?P<place>.+)$", rest, re.I)
    sides = re.split(r"\s+(?:or|than)\s+(?:in\s+)?", place["place"]) if place else []
    wheres = [words for side in sides if (words := slots.phrase(side)) and "GENE" not in words and names_tissue(words)]
    return Plan(steps=tuple(Step("show_gene", {"genes": genes, "region": words}) for words in wheres) or (step,))


def _top_genes(clause: str, focus: Focus) -> Plan | None:
    args: dict[str, Any] = {}
    n = slots.count(clause, "genes?|markers?|of them|degs?")
    if n:
        clause = pattern("slots", "how_many_genes").sub("", clause)
    args["region"], versus = region_steps.pair(clause, focus)
    if versus is not None:
        args["versus"] = versus
    if n:
        args["n"] = n
    return Plan(steps=(Step("top_genes", args),))


def _rank(clause: str, focus: Focus, earlier: tuple[Step, ...]) -> Plan | None:
    bare = pattern("slots", "bare_minus").match(clause)
    query, minus = ("it", bare["minus"]) if bare else slots.split_minus(clause)
    previous = _previous_query(query, focus)
    if previous and not minus and earlier and earlier[-1].tool == "rank_spots":
        return Plan()  # "..., where is it strongest?": the map shows it
    args: dict[str, Any] = {"query": previous or slots.phrase(query)}
    if not args["query"]:
        return None
    if minus and slots.phrase(minus):
        args["minus"] = slots.phrase(minus)
    top_k = slots.count(clause, "spots?")
    return Plan(steps=(Step("rank_spots", args | ({"top_k": top_k} if top_k else {})),))


def _highlight(clause: str, focus: Focus, earlier: tuple[Step, ...]) -> Plan | None:
    one, other = slots.split_versus(clause) if pattern("slots", "size_than").search(clause) else (clause, None)
    if other and not pattern("slots", "explicit_region").search(clause):
        sides = [_highlight(side, focus, ()) for side in (one, other)]
        return Plan(steps=tuple(step for side in sides if side for step in side.steps))
    share = slots.fraction(clause)
    extra = {"fraction": share} if share else {}
    clause = re.sub(r"\b\d{1,2}(?:\.\d+)?\s*(?:%|per ?cent\b)", "", clause, flags=re.I)
    words = slots.phrase(re.sub(r"\b(?:biggest|largest|smallest|piece|tissue share)\b", " ", clause))
    points = pattern("slots", "only_points").fullmatch(words) or pattern("slots", "explicit_region").search(clause)
    target = slots.reference(clause, focus) if points else None
    just_shown = isinstance(target, FromStep) or (earlier and earlier[-1].tool in _MAPS)
    if target is not None and just_shown and not pattern("wordings", "measure").search(clause):
        return Plan()  # "..., where is it?": it has just been shown
    if target is not None:
        return Plan(steps=(Step("highlight_region", {"region": target}),))
    if earlier and earlier[-1].tool in _MAPS and pattern("slots", "just_shown").match(words):
        return Plan()
    several = re.split(r"\s*,?\s+and (?:the )?|\s*,\s*(?:the )?", words)
    if len(several) > 1 and all(names_tissue(part) for part in several) and not re.search(r"\bbegins?\b", words):
        return Plan(steps=tuple(Step("highlight_region", {"query": part} | extra) for part in several))
    return Plan(steps=(Step("highlight_region", {"query": words} | extra),)) if words else None


def _previous_query(text: str, focus: Focus) -> str:
    """The phrase asked for before, where the text only points at it."""
    return focus.query if re.fullmatch(r"(?:it|that|this|them|those|these|there)?", slots.phrase(text), re.I) else ""


def repeat(rest: str, genes: list[str], focus: Focus) -> tuple[Step, ...]:
    """The steps of the turn before with another tissue or gene in their place."""
    if genes:
        return (Step("show_gene", {"genes": genes}),)
    words = slots.phrase(re.sub(r"^(?:from|to|with|against|in)\s+", "", rest, flags=re.I))
    kept: list[Step] = []
    for step in focus.last_steps:
        if step.tool == "highlight_region":
            kept.append(Step(step.tool, {k: v for k, v in step.args.items() if k != "region"} | {"query": words}))
        elif step.tool == "rank_spots":
            kept.append(Step(step.tool, {k: v for k, v in step.args.items() if k != "minus"} | {"query": words}))
        elif step.tool in ("top_genes", "describe_region", "view_region", "similar_spots"):
            earlier = next((i for i, other in enumerate(kept) if other.tool == "highlight_region"), None)
            kept.append(Step(step.tool, step.args | {"region": words if earlier is None else FromStep(earlier)}))
        elif step.tool in ("spatial_relation", "compare_regions"):
            kept.append(Step(step.tool, step.args | {"region_b": words}))
        elif step.tool == "search_slides":
            kept.append(Step(step.tool, step.args | {"query": words}))
    return tuple(kept) if words and kept else ((Step("highlight_region", {"query": words}),) if words else ())
