"""A clause whose intent is known to tool calls: the slots that each tool needs."""

import re
from typing import Any

from agent.offline import slots
from agent.offline.lexicon import names_tissue, pattern
from agent.offline.plan import Focus, FromStep, Plan, Step


def fill(intent: str, clause: str, masked: str, genes: list[str], focus: Focus, done: int) -> Plan | None:
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
    if intent == "show_gene":
        return _show_gene(masked, genes, focus)
    if intent == "top_genes":
        return _top_genes(clause, focus)
    if intent == "rank_spots" and not slots.fraction(clause):
        return _rank(clause, focus)
    return _highlight(clause, focus)


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
    where = slots.phrase(place["place"]) if place else ""
    where = "" if "GENE" in where or not names_tissue(where) else where
    return Plan(steps=(Step("highlight_region", {"query": where}), step) if where else (step,))


def _top_genes(clause: str, focus: Focus) -> Plan | None:
    args: dict[str, Any] = {}
    n = slots.count(clause, "genes?|markers?|of them|degs?")
    if n:
        clause = pattern("slots", "how_many_genes").sub("", clause)
    left, right = slots.split_versus(clause)
    region = _region_or_phrase(left, focus)
    versus = _region_or_phrase(right, focus) if right else None
    if region is None and versus is not None and re.match(r"\s*(?:and )?(?:compare|versus|vs|against)", clause, re.I):
        region = slots.in_focus(focus)
    args["region"] = region or slots.in_focus(focus)
    if versus is not None and versus != args["region"] and not pattern("slots", "the_rest").match(str(versus)):
        args["versus"] = versus
    if n:
        args["n"] = n
    return Plan(steps=(Step("top_genes", args),))


def _rank(clause: str, focus: Focus) -> Plan | None:
    bare = pattern("slots", "bare_minus").match(clause)
    query, minus = ("it", bare["minus"]) if bare else slots.split_minus(clause)
    args: dict[str, Any] = {"query": _previous_query(query, focus) or slots.phrase(query)}
    if not args["query"]:
        return None
    if minus and slots.phrase(minus):
        args["minus"] = slots.phrase(minus)
    top_k = slots.count(clause, "spots?")
    return Plan(steps=(Step("rank_spots", args | ({"top_k": top_k} if top_k else {})),))


def _highlight(clause: str, focus: Focus) -> Plan | None:
    one, other = slots.split_versus(clause) if pattern("slots", "size_than").search(clause) else (clause, None)
    if other and not pattern("slots", "explicit_region").search(clause):
        sides = [_highlight(side, focus) for side in (one, other)]
        return Plan(steps=tuple(step for side in sides if side for step in side.steps))
    share = slots.fraction(clause)
    extra = {"fraction": share} if share else {}
    clause = re.sub(r"\b\d{1,2}(?:\.\d+)?\s*(?:%|per ?cent\b)", "", clause, flags=re.I)
    words = slots.phrase(re.sub(r"\b(?:biggest|largest|smallest|piece|tissue share)\b", " ", clause))
    points = pattern("slots", "only_points").fullmatch(words) or pattern("slots", "explicit_region").search(clause)
    target = slots.reference(clause, focus) if points else None
    if isinstance(target, FromStep) and not pattern("wordings", "measure").search(clause):
        return Plan()  # "..., where is it?": it has just been shown
    if target is not None:
        return Plan(steps=(Step("highlight_region", {"region": target}),))
    return Plan(steps=(Step("highlight_region", {"query": words} | extra),)) if words else None


def _previous_query(text: str, focus: Focus) -> str:
    """The phrase asked for before, where the text only points at it."""
    return focus.query if re.fullmatch(r"(?:it|that|this|them|those|these|there)?", slots.phrase(text), re.I) else ""


def _region_or_phrase(text: str, focus: Focus) -> str | FromStep | None:
    """What is meant by one side of a comparison: a reference, or words; None when nothing is left of it."""
    words = slots.phrase(text, genes_too=True)
    bare = pattern("slots", "pointing").sub("", words)
    if not bare or pattern("slots", "explicit_region").search(text):
        found = slots.reference(text, focus)
        if found is not None or not bare:
            return found
    return words or None


def repeat(words: str, genes: list[str], focus: Focus) -> tuple[Step, ...]:
    """The steps of the turn before with another tissue or gene in their place."""
    if genes:
        return (Step("show_gene", {"genes": genes}),)
    kept: list[Step] = []
    for step in focus.last_steps:
        if step.tool == "highlight_region":
            kept.append(Step(step.tool, {k: v for k, v in step.args.items() if k != "region"} | {"query": words}))
        elif step.tool == "rank_spots":
            kept.append(Step(step.tool, {k: v for k, v in step.args.items() if k != "minus"} | {"query": words}))
        elif step.tool == "top_genes":
            earlier = next((i for i, other in enumerate(kept) if other.tool == "highlight_region"), None)
            kept.append(Step(step.tool, step.args | {"region": words if earlier is None else FromStep(earlier)}))
    return tuple(kept) if words and kept else ((Step("highlight_region", {"query": words}),) if words else ())
