"""Tool calls about regions: describe, look at, compare, relate, find alike."""

import re

from agent.offline import slots
from agent.offline.lexicon import first_match, pattern
from agent.offline.plan import Focus, FromStep, Plan, Step

Target = str | FromStep
_BARE_VERSUS = re.compile(r"\s*(?:and |now )*(?:versus|vs\.?|against)\b", re.I)


def describe(clause: str, focus: Focus) -> Plan | None:
    """What a region is."""
    return _about("describe_region", clause, focus)


def view(clause: str, focus: Focus) -> Plan | None:
    """A closer look at a region."""
    return _about("view_region", clause, focus)


def _about(tool: str, clause: str, focus: Focus) -> Plan | None:
    words = pattern("slots", f"frame_{tool}").sub(" ", clause)
    return Plan(steps=(Step(tool, {"region": target(words, focus) or slots.in_focus(focus)}),))


def target(text: str, focus: Focus) -> Target | None:
    """What one side of a sentence means: a reference, or words; None when nothing is left of it."""
    words = slots.phrase(text, genes_too=True)
    bare = pattern("slots", "pointing").sub("", words)
    if not bare or pattern("slots", "explicit_region").search(text):
        found = slots.reference(text, focus)
        if found is not None or not bare:
            return found
    outside = re.match(r"(?:everything )?outside (?:of )?(.+)", words, re.I)
    if outside:
        return f"outside {slots.phrase(outside[1])}"
    return words or None


def pair(clause: str, focus: Focus) -> tuple[Target, Target | None]:
    """The two sides of a comparison; the second is None for "the rest". "Compare them" takes what was outlined last."""
    left, right = slots.split_versus(clause)
    a, b = target(left, focus), target(right, focus) if right else None
    shown = focus.regions if isinstance(focus.regions, tuple) else ()
    if len(shown) > 1 and pattern("slots", "two_largest").search(clause):
        return shown[0], shown[1]
    if right is None and len(focus.queries) > 1 and pattern("slots", "both").search(clause):
        return focus.queries[-2], focus.queries[-1]
    if a is None and b is not None and pattern("slots", "compare_start").match(clause):
        a = slots.in_focus(focus)
    a = a or slots.in_focus(focus)
    if b is None or b == a or pattern("slots", "the_rest").match(str(b)):
        return a, None
    return a, b


def compare(clause: str, focus: Focus) -> Plan:
    """How two regions differ; after a list of genes, "versus the stroma" asks for genes again."""
    a, b = pair(clause, focus)
    if b is not None and focus.last_steps and focus.last_steps[-1].tool == "top_genes" and _BARE_VERSUS.match(clause):
        return Plan(steps=(Step("top_genes", {"region": a, "versus": b}),))
    return Plan(steps=(Step("compare_regions", {"region_a": a, "region_b": "rest" if b is None else b}),))


def relate(clause: str, focus: Focus) -> Plan | None:
    """How far one region is from another."""
    if len(focus.queries) > 1 and pattern("slots", "apart").search(clause):
        first, second = focus.queries[-2:]
        return Plan(steps=(Step("spatial_relation", {"region_a": first, "region_b": second}),))
    match = first_match("relation_pair", clause.strip(" ?.!"))
    if match is None:
        return None
    found = {key.rstrip("0123456789"): value for key, value in match.groupdict().items() if value}
    a = target(_end(found.get("a", "")), focus) or slots.in_focus(focus)
    b = target(_end(found.get("b", "")), focus) or slots.in_focus(focus)
    if a == b:
        return None
    return Plan(steps=(Step("spatial_relation", {"region_a": a, "region_b": b}),))


def _end(side: str) -> str:
    """One side of a relation without what qualifies it: "the tumor border", "T cells than by chance"."""
    return pattern("slots", "relation_tail").sub("", side).strip()


def alike(clause: str, focus: Focus) -> Plan:
    """Spots like a region, here or in other slides."""
    slides = "other" if pattern("slots", "other_slides").search(clause) else "all"
    if slides == "all" and pattern("slots", "this_slide").search(clause):
        slides = "this"
    match = pattern("slots", "like_what").search(clause)
    words = next((value for value in match.groupdict().values() if value), "") if match else ""
    words = pattern("slots", "frame_search_slides").sub(" ", words)
    region = (target(words, focus) if words else None) or slots.reference(clause, focus) or slots.in_focus(focus)
    return Plan(steps=(Step("similar_spots", {"region": region} | ({"slides": slides} if slides != "all" else {})),))
