"""A message and the conversation so far to a plan. Grammar first; where it is silent, the nearest exemplars decide."""

import re
from dataclasses import replace
from typing import Any

from agent.offline import grammar, slots
from agent.offline.classifier import Guess, IntentClassifier, TextEmbedder
from agent.offline.lexicon import correct_all, genes_in, translate
from agent.offline.plan import Focus, FromStep, Plan, ReplyKind, Step

_REPLIES: dict[str, ReplyKind] = {
    "greeting": "greeting", "thanks": "thanks", "about_abilities": "abilities", "medical_advice": "medical", "not_yet": "not_yet", "out_of_scope": "out_of_scope",
}  # fmt: skip
MARGIN, SIMILARITY = 0.2, 0.45


class Planner:
    """Deterministic: the same message and focus give the same plan."""

    def __init__(self, embedder: TextEmbedder):
        self._classifier = IntentClassifier(embedder)

    def plan(self, message: str, focus: Focus) -> Plan:
        """Plan the tool calls for one message, or choose a reply."""
        text, corrections = _read(message)
        talk = grammar.small_talk(text)
        if talk:
            return Plan(kind=_REPLIES[talk])
        steps: list[Step] = []
        found: list[Plan] = []
        for clause in grammar.clauses(text)[:6]:
            part = self._clause(clause, focus, len(steps))
            found.append(part)
            steps += part.steps
            focus = _moved(focus, part.steps, len(steps) - len(part.steps))
        if not steps:
            first = next((part for part in found if part.kind == "medical"), found[0] if found else self._unclear(text))
            return replace(first, corrections=corrections)
        topic = next((part.topic for part in found if part.topic != "result"), "result")
        kind = next((part.kind for part in found if part.kind in ("medical", "not_yet")), "tools")
        return Plan(kind=kind, steps=_without_repeats(steps), topic=topic, corrections=corrections)

    def _clause(self, clause: str, focus: Focus, done: int) -> Plan:
        genes, masked = genes_in(clause)
        rest = grammar.elliptic(clause)
        if rest and focus.last_steps and done == 0:
            again = _again(slots.phrase(rest), genes, focus)
            if again:
                return Plan(steps=again)
        gives_mpp = focus.slide and slots.pixel_size(clause)[0] is not None
        intent = "open_slide" if gives_mpp else grammar.intent_of(masked)
        if intent is None:
            guess = self._classifier.guess(re.sub(r"\br\d+\b", "REGION", masked))
            intent = self._settle(guess, masked)
            if intent is None:
                return Plan(kind="unclear", examples=guess.nearest)
        if intent in _REPLIES:
            return Plan(kind=_REPLIES[intent])
        return _fill(intent, clause, masked, genes, focus, done) or self._unclear(clause)

    def _settle(self, guess: Guess, masked: str) -> str | None:
        """The guess when it is clear; a tissue named without more is asked where it is."""
        clear = guess.margin >= MARGIN and guess.similarity >= SIMILARITY
        if clear:
            return guess.intent
        if grammar.names_tissue(masked) and guess.intent not in ("out_of_scope", "medical_advice"):
            return "highlight_region"
        return "out_of_scope" if guess.intent == "out_of_scope" and guess.margin >= MARGIN else None

    def _unclear(self, text: str) -> Plan:
        return Plan(kind="unclear", examples=self._classifier.guess(text).nearest)


def _read(message: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The message in plain English, and the words that were read as others."""
    text = re.sub(r"\s+", " ", message.replace("’", "'")).strip()[:500]
    text = re.sub(r"\b(?:cyto)?keratin[- ](\d+)\b", r"KRT\1", text, flags=re.I)
    text = translate(grammar.without_greeting(text))
    fixed = correct_all(text)
    pairs = zip(text.split(), fixed.split(), strict=True)
    return fixed, tuple((old.strip("?.,!"), new.strip("?.,!")) for old, new in pairs if old != new)


def _fill(intent: str, clause: str, masked: str, genes: list[str], focus: Focus, done: int) -> Plan | None:
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
    if intent == "rank_spots":
        return _rank(clause, focus)
    return _highlight(clause, focus)


def _open(clause: str, focus: Focus) -> Plan | None:
    mpp, clause = slots.pixel_size(clause)
    match = re.search(r"\b(?:re-?open|open|load|switch to|change to|go to|use|pick|choose|take)\s+(?:the |my |slide |file |image )*(.+)$", clause, re.I)
    name = match.group(1) if match else ""
    name = re.sub(r"\s+(?:slide|please|again|now|image|file)\b", "", name, flags=re.I).strip(" '\"?.,")
    if name.lower() in ("", "slide", "other", "another", "next", "file", "image", "it", "other one"):
        name = focus.slide if mpp is not None else ""
    if not name:
        return Plan(steps=(Step("list_slides"),))
    return Plan(steps=(Step("open_slide", {"slide": name} | ({"mpp": mpp} if mpp is not None else {})),))


def _show_gene(masked: str, genes: list[str], focus: Focus) -> Plan | None:
    if not genes:
        return Plan(steps=(Step("show_gene", {"genes": list(focus.genes)}),)) if focus.genes else None
    step = Step("show_gene", {"genes": genes})
    place = re.search(r"GENE.*?\b(?:where|in|inside|within)\b (?P<place>.+)$", masked, re.I)
    where = slots.phrase(place["place"]) if place and not slots.reference(place["place"], focus) else ""
    where = "" if "GENE" in where or not grammar.names_tissue(where) else where
    return Plan(steps=(Step("highlight_region", {"query": where}), step) if where else (step,))


def _top_genes(clause: str, focus: Focus) -> Plan | None:
    args: dict[str, Any] = {}
    n = slots.count(clause, "genes?|markers?|of them|degs?")
    clause = re.sub(r"\btop[- ]\w+(?= genes?| markers?)|\b\w+ (?=(?:marker |top )?genes? (?:in|of|for))", "", clause, flags=re.I) if n else clause
    left, right = slots.split_versus(clause)
    region = _region_or_phrase(left, focus)
    versus = _region_or_phrase(right, focus) if right else None
    if region is None and versus is not None and re.match(r"\s*(?:and )?(?:compare|versus|vs|against)", clause, re.I):
        region = slots.in_focus(focus)
    args["region"] = region or slots.in_focus(focus)
    if versus is not None and versus != args["region"] and not re.fullmatch(r"(?:rest|everything|else|remaining|surrounding\w*|other\w*)(?: .*)?", str(versus), re.I):
        args["versus"] = versus
    if n:
        args["n"] = n
    return Plan(steps=(Step("top_genes", args),))


def _rank(clause: str, focus: Focus) -> Plan | None:
    bare = re.match(r"\s*(?:and |but |now )*(?:without|minus|but not|excluding|except)\b (?P<minus>.+)$", clause, re.I)
    query, minus = ("it", bare["minus"]) if bare else slots.split_minus(clause)
    args: dict[str, Any] = {"query": _previous_query(query, focus) or slots.phrase(query)}
    if not args["query"]:
        return None
    if minus and slots.phrase(minus):
        args["minus"] = slots.phrase(minus)
    top_k = slots.count(clause, "spots?")
    return Plan(steps=(Step("rank_spots", args | ({"top_k": top_k} if top_k else {})),))


def _highlight(clause: str, focus: Focus) -> Plan | None:
    share = slots.fraction(clause)
    extra = {"fraction": share} if share else {}
    clause = re.sub(r"\b\d{1,2}(?:\.\d+)?\s*(?:%|per ?cent\b)", "", clause, flags=re.I)
    words = slots.phrase(re.sub(r"\b(?:biggest|largest|smallest|piece|tissue share)\b", " ", clause))
    pronoun = re.fullmatch(r"(?:it|that|this|they|them|those|these|its|their|one|ones)?", words, re.I)
    target = slots.reference(clause, focus) if pronoun or re.search(r"\br\d+\b|\bselect|\blasso", clause, re.I) else None
    ordinal = slots.reference(clause, focus) if re.match(r"(?:\w+ ){0,3}(?:first|second|third|largest|biggest)\b(?: (?:one|region|area))?$", words, re.I) else None
    target = target or ordinal
    if target is not None:
        return Plan(steps=(Step("highlight_region", {"region": target}),))
    return Plan(steps=(Step("highlight_region", {"query": words} | extra),)) if words else None


def _previous_query(text: str, focus: Focus) -> str:
    """The phrase asked for before, where the text only points at it."""
    return focus.query if re.fullmatch(r"(?:it|that|this|them|those|these|there)?", slots.phrase(text), re.I) else ""


def _region_or_phrase(text: str, focus: Focus) -> str | FromStep | None:
    """What is meant by one side of a comparison: a reference, or words; None when nothing is left of it."""
    words = slots.phrase(text, genes_too=True)
    bare = re.sub(r"\b(?:it|that|this|there|them|they|those|these|here|its|their|both|all|same|one|ones|other|outside|region|first|second|third|largest|biggest)\b|\br\d+\b|[-,\s]", "", words, flags=re.I)
    if not bare or re.search(r"\br\d+\b|\bselect|\blasso|\bi (?:have )?(?:drew|marked|circled)", text, re.I):
        found = slots.reference(text, focus)
        if found is not None or not bare:
            return found
    return words or None


def _again(words: str, genes: list[str], focus: Focus) -> tuple[Step, ...]:
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


def _moved(focus: Focus, steps: tuple[Step, ...], offset: int) -> Focus:
    """The focus after `steps`, for the clauses that follow in the same message."""
    for number, step in enumerate(steps, offset):
        if step.tool == "highlight_region":
            query = str(step.args.get("query", focus.query))
            focus = replace(focus, regions=FromStep(number), query=query, region_arg="")
        elif step.tool == "rank_spots":
            focus = replace(focus, query=str(step.args["query"]), region_arg="", regions=())
        elif step.tool == "show_gene":
            focus = replace(focus, genes=tuple(step.args["genes"]))
    return focus


def _without_repeats(steps: list[Step]) -> tuple[Step, ...]:
    """Drop a step that repeats one before it, unless a later step refers to it by position."""
    if any(isinstance(value, FromStep) for step in steps for value in step.args.values()):
        return tuple(steps)
    return tuple(step for number, step in enumerate(steps) if step not in steps[:number])
