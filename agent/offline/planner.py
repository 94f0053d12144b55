"""A message and the conversation so far to a plan. Grammar first; where it is silent, the nearest exemplars decide."""

import re
from dataclasses import replace

from agent.offline import grammar, slots, whole_steps
from agent.offline.classifier import Guess, IntentClassifier, TextEmbedder
from agent.offline.lexicon import correct_all, genes_in, names_tissue, pattern, translate
from agent.offline.plan import Focus, FromStep, Plan, ReplyKind, Step
from agent.offline.steps import fill, repeat

_REPLIES: dict[str, ReplyKind] = {
    "greeting": "greeting",
    "thanks": "thanks",
    "about_abilities": "abilities",
    "medical_advice": "medical",
    "not_possible": "not_possible",
    "out_of_scope": "out_of_scope",
}
MARGIN, SIMILARITY, POLITE = 0.2, 0.45, 0.8


class Planner:
    """Deterministic: the same message and focus give the same plan."""

    def __init__(self, embedder: TextEmbedder):
        self._classifier = IntentClassifier(embedder)

    def plan(self, message: str, focus: Focus) -> Plan:
        """Plan the tool calls for one message, or choose a reply."""
        talk = grammar.small_talk(message)
        if talk:
            return Plan(kind=_REPLIES[talk])
        text, corrections = _read(message)
        steps: list[Step] = []
        found: list[Plan] = []
        for clause in _with_scopes(_clauses(text))[:6]:
            pointed = self._points_at(clause, focus)
            if pointed and clause != text.strip(" ?.!"):
                focus = replace(focus, region_arg=pointed)
                continue
            part = self._clause(clause, focus, tuple(steps))
            found.append(part)
            steps += part.steps
            focus = _moved(focus, part.steps, len(steps) - len(part.steps))
        if not steps:
            first = next((part for part in found if part.kind == "medical"), found[0] if found else self._unclear(text))
            return replace(first, corrections=corrections)
        topic = next((part.topic for part in found if part.topic != "result"), found[0].topic)
        refused = [part.kind for part in found if part.kind in ("medical", "not_possible")]
        return Plan(
            kind=refused[0] if refused else "tools", steps=_without_repeats(steps), topic=topic, corrections=corrections
        )

    def _clause(self, clause: str, focus: Focus, earlier: tuple[Step, ...]) -> Plan:
        genes, masked = genes_in(clause)
        rest = grammar.elliptic(clause)
        if rest and focus.last_steps and not earlier:
            again = repeat(rest, genes, focus)
            if again:
                return Plan(steps=again)
        gives_mpp = focus.slide and slots.pixel_size(clause)[0] is not None
        opens = gives_mpp or pattern("slots", "opens_file").search(clause)
        intent = "open_slide" if opens else grammar.intent_of(masked)
        if intent is None:
            guess = self._classifier.guess(re.sub(r"\br\d+\b", "REGION", masked))
            intent = self._settle(guess, masked)
            if intent is None:
                return Plan(kind="unclear", examples=guess.nearest)
        if intent == "describe_slide" and pattern("slots", "describe_it").search(clause) and _has_region(focus):
            intent = "describe_region"
        if intent in _REPLIES:
            return Plan(kind=_REPLIES[intent])
        return fill(intent, clause, masked, genes, focus, earlier) or self._unclear(clause)

    def _points_at(self, clause: str, focus: Focus) -> str | None:
        """The region that "what about the second one" turns to before it is asked about."""
        rest = grammar.elliptic(clause)
        if (
            rest
            and pattern("slots", "outside").search(rest)
            and not pattern("slots", "pointing").sub("", rest.replace(" of ", " "))
        ):
            outside = slots.reference(rest, focus)
            return outside if isinstance(outside, str) else None
        return slots.ordinal(rest, focus) if rest else None

    def _settle(self, guess: Guess, masked: str) -> str | None:
        """The guess when it is clear; a tissue named without more is asked where it is."""
        needed = POLITE if guess.intent in ("greeting", "thanks") else SIMILARITY
        clear = guess.margin >= MARGIN and guess.similarity >= needed
        if clear:
            return guess.intent
        if names_tissue(masked) and guess.intent not in ("out_of_scope", "medical_advice"):
            return "highlight_region"
        return "out_of_scope" if guess.intent == "out_of_scope" and guess.margin >= MARGIN else None

    def _unclear(self, text: str) -> Plan:
        return Plan(kind="unclear", examples=self._classifier.guess(text).nearest)


def _read(message: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The message in plain English, and the words that were read as others."""
    text = re.sub(r"\s+", " ", message.replace("’", "'")).strip()[:500]
    text = text.lower() if text.isupper() and len(text.split()) > 2 else text
    text = re.sub(r"\b(?:cyto)?keratin[- ](\d+)\b", r"KRT\1", text, flags=re.I)
    text = cluster_ids(translate(grammar.without_greeting(text)))
    fixed = correct_all(text)
    pairs = zip(text.split(), fixed.split(), strict=True)
    return fixed, tuple((old.strip("?.,!"), new.strip("?.,!")) for old, new in pairs if old != new)


def _has_region(focus: Focus) -> bool:
    return bool(focus.regions or focus.region_arg)


def _clauses(text: str) -> list[str]:
    """The requests in one message; the path of a file that is to be opened stays whole, whatever words are in it."""
    opens = pattern("slots", "opens_file").match(text)
    if not opens:
        return grammar.clauses(text)
    path, rest = opens.group(), text[opens.end() :]
    return [path + rest] if slots.pixel_size(rest)[0] is not None else [path, *grammar.clauses(rest)]


def _with_scopes(parts: list[str]) -> list[str]:
    """Clauses, where one that only says "across all slides" goes with the next, and "top 5" with the one before."""
    joined: list[str] = []
    held = ""
    for part in parts:
        if joined and pattern("slots", "only_top").search(part):
            joined[-1] = f"{joined[-1]} {part}"
        elif grammar.intent_of(part) == "search_slides" and not slots.phrase(whole_steps.without_scope(part)):
            held = f"{held} {part}".strip()
        else:
            joined.append(f"{held} {part}".strip())
            held = ""
    return [*joined, held] if held else joined


def cluster_ids(text: str) -> str:
    """ "cluster 2" and "the second cluster" as ids of clusters: c2."""
    text = re.sub(r"\bclusters? (?:number |no\.? ?|#)?c?(\d+)\b", r"c\1", text, flags=re.I)
    for word, number in slots.ORDINALS.items():
        if number >= 0:
            text = re.sub(rf"\b(?:the )?{word} cluster\b", f"c{number + 1}", text, flags=re.I)
    return text


def _moved(focus: Focus, steps: tuple[Step, ...], offset: int) -> Focus:
    """The focus after `steps`, for the clauses that follow in the same message."""
    for number, step in enumerate(steps, offset):
        if step.tool == "highlight_region":
            query, measured = str(step.args.get("query", focus.query)), step.args.get("region")
            shown = measured if isinstance(measured, FromStep) else FromStep(number)
            focus = replace(focus, regions=shown, query=query, region_arg="", queries=(*focus.queries, query))
        elif step.tool == "rank_spots":
            minus = f"{step.args['query']} minus {step.args['minus']}" if step.args.get("minus") else ""
            focus = replace(focus, query=str(step.args["query"]), region_arg=minus, regions=())
        elif step.tool == "show_gene":
            focus = replace(focus, genes=tuple(step.args["genes"]))
        elif step.tool in ("cluster_spots", "annotate_spots", "score_gene_set", "open_slide"):
            focus = replace(focus, regions=(), region_arg="")
        elif step.tool in ("top_genes", "describe_region", "view_region") and isinstance(step.args["region"], str):
            focus = replace(focus, region_arg=step.args["region"], regions=())
    return focus


def _without_repeats(steps: list[Step]) -> tuple[Step, ...]:
    """Drop a step that repeats one before it, unless a later step refers to it by position."""
    if any(isinstance(value, FromStep) for step in steps for value in step.args.values()):
        return tuple(steps)
    return tuple(step for number, step in enumerate(steps) if step not in steps[:number])
