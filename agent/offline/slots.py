"""Slots of a clause: the phrase that is asked for, references to regions, numbers with units."""

import re
from dataclasses import dataclass

from agent.offline.lexicon import names_tissue, pattern, words
from agent.offline.plan import Focus, FromStep

_NUMBER_WORDS = dict(
    zip(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], range(1, 11), strict=True)
)
_NUMBER_WORDS |= {"twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "fifty": 50, "hundred": 100}
_COUNT = r"(\d{1,4}|" + "|".join(_NUMBER_WORDS) + ")"
_FUNCTION = frozenset(["of", "the", "where", "with", "for", "like", "is", "are", "a", "any"])
ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "1st": 0, "2nd": 1, "3rd": 2}
ORDINALS |= {"largest": 0, "biggest": 0, "last": -1, "smallest": -1}
_ORDINAL = re.compile(
    r"\b(?:the )?("
    + "|".join(ORDINALS)
    + r")(?: (?:largest|biggest))?(?: (?:one|region|area|piece|patch|spot|part))?\b",
    re.I,
)
_REGION_ID = re.compile(r"\br\d+(?:\s*(?:,|and|&|-|to)\s*r\d+)*\b|\bc\d+\b", re.I)


@dataclass(frozen=True)
class Size:
    """Numbers of a tiling request, in um."""

    spot_um: float | None
    pitch_um: float | None
    layout: str | None


def phrase(text: str, genes_too: bool = False) -> str:
    """The thing that is asked for: `text` without the words that frame it."""
    kept = re.sub(r"[?!.,;:\"“”()]+(?=\s|$)|(?<!\S)[\"“(]+", " ", text).split()
    more = words("gene_words") if genes_too else frozenset()
    lead, trail = words("lead") | more, words("trail") | more
    while kept and (kept[0].lower() in lead or re.fullmatch(r"\d+%?|'s", kept[0])):
        kept = kept[1:]
    while kept and {kept[-1].lower(), kept[-1].lower().rstrip("'s")} & trail:
        if pattern("slots", "keep_tissue").search(" ".join(kept)):
            break
        kept = kept[:-1]
    return " ".join(_after_frame(kept))


def _after_frame(kept: list[str]) -> list[str]:
    """What follows the last function word, where only that part names tissue: "total area of | collagen"."""
    for at in range(len(kept) - 1, 0, -1):
        head, tail = kept[:at], kept[at:]
        if head[-1].lower() in _FUNCTION and names_tissue(" ".join(tail)) and not names_tissue(" ".join(head)):
            return tail
    return kept


def split_versus(text: str) -> tuple[str, str | None]:
    """`A versus B`, `between A and B`, `compare A with B` -> (A, B); B is None when nothing is compared."""
    between = re.search(r"\bbetween (.+?) and (.+)$", text, re.I)
    if between:
        return between.group(1), between.group(2)
    compare = pattern("slots", "compare_pair").search(text)
    if compare:
        return compare.group(1), compare.group(2)
    apart = re.search(r"\b(?:distinguish\w*|differ\w*|separat\w*|apart|tell)\b(.+?) from (.+)$", text, re.I)
    if apart:
        return apart.group(1), apart.group(2)
    parts = pattern("slots", "versus").split(text, maxsplit=1)
    return (parts[0], parts[1]) if len(parts) == 2 and parts[1].strip() else (text, None)


def split_minus(text: str) -> tuple[str, str | None]:
    """`A minus B`, `A but not B`, `A if you take away B` -> (A, B)."""
    match = pattern("slots", "take_away").match(text.strip().rstrip("?.! "))
    if match:
        return (match["query"] or match["query2"]), (match["minus"] or match["minus2"])
    parts = pattern("slots", "minus_between").split(text, maxsplit=1)
    return (parts[0], parts[1]) if len(parts) == 2 and parts[0].strip() and parts[1].strip() else (text, None)


def region_ids(ids: tuple[str, ...]) -> str:
    """Ids as one region argument: r1 · r1, r2 · r1-r7."""
    numbers = [int(name[1:]) for name in ids]
    if len(numbers) > 2 and sorted(numbers) == list(range(min(numbers), max(numbers) + 1)):
        return f"r{min(numbers)}-r{max(numbers)}"
    return ", ".join(ids)


def reference(text: str, focus: Focus) -> str | FromStep | None:
    """The region that `text` refers to (an id, "the second one", "there", "my selection"), or None."""
    outside = pattern("slots", "outside").search(text)
    found = _plain_reference(text, focus)
    if outside and found is None and (focus.regions or focus.region_arg):
        found = in_focus(focus)
    if outside and isinstance(found, FromStep):
        return FromStep(found.step, "outside ")
    return f"outside {found}" if outside and found else found


def _plain_reference(text: str, focus: Focus) -> str | FromStep | None:
    ids = _REGION_ID.findall(text.lower())
    if ids:
        return re.sub(r"\s*(?:and|&)\s*", ", ", re.sub(r"\s*(?:to|-)\s*", "-", ", ".join(ids)))
    if pattern("slots", "selection").search(text):
        return "selection"
    numbered = ordinal(text, focus)
    if numbered is not None:
        return numbered
    if pattern("slots", "anaphor").search(text):
        return in_focus(focus)
    return None


def ordinal(text: str, focus: Focus) -> str | None:
    """The region that "the second one" means among those shown last."""
    found = _ORDINAL.search(text)
    if not found or not isinstance(focus.regions, tuple) or not focus.regions:
        return None
    position = ORDINALS[found.group(1).lower()]
    return focus.regions[position] if position < len(focus.regions) else None


def in_focus(focus: Focus) -> str | FromStep:
    """What "there" means now; the selection when the conversation has shown no region yet."""
    if isinstance(focus.regions, FromStep):
        return focus.regions
    if focus.region_arg:
        return focus.region_arg
    return region_ids(focus.regions) if focus.regions else focus.query or "selection"


def count(text: str, noun: str) -> int | None:
    """How many of `noun` (a regular expression) are asked for: "top 5 genes", "ten markers"."""
    match = re.search(rf"\btop[- ]{_COUNT}\b|\b{_COUNT} (?:\w+ )?(?:{noun})\b", text, re.I)
    if not match:
        return None
    word = (match.group(1) or match.group(2)).lower()
    return _NUMBER_WORDS.get(word) or int(word)


def number_after(text: str, words: str) -> int | None:
    """A number that follows one of `words` (a regular expression): "into 5", "k = 7"."""
    match = re.search(rf"\b(?:{words})\s*{_COUNT}\b", text, re.I)
    return (_NUMBER_WORDS.get(match.group(1).lower()) or int(match.group(1))) if match else None


def fraction(text: str) -> float | None:
    """A share of the spots: "top 10 %", "best 5 percent"."""
    match = re.search(r"\b(\d{1,2}(?:\.\d+)?)\s*(?:%|per ?cent\b)", text, re.I)
    return float(match.group(1)) / 100 if match else None


def pixel_size(text: str) -> tuple[float | None, str]:
    """Microns per pixel that `text` gives, and the text without it."""
    match = pattern("slots", "pixel_size").search(text)
    if not match:
        return None, text
    return float(match["a"] or match["b"] or match["c"]), (text[: match.start()] + text[match.end() :]).strip(" ,")


def sizes(text: str) -> Size:
    """Spot size, pitch and layout of a tiling request."""
    spot_um = pitch_um = None
    for match in re.finditer(r"(\d+(?:\.\d+)?)\s*(um|µm|μm|microns?|micromet\w+)?", text, re.I):
        value, after, before = float(match.group(1)), text[match.end() :].lower(), text[: match.start()].lower()
        near_pitch = re.match(r"\s*(?:centre|center|pitch|spacing|apart|distance|step)", after)
        said_pitch = re.search(r"(?:pitch|spacing|apart|distance|every|step)\s*(?:of|to|=|:|is)?\s*$", before)
        if near_pitch or said_pitch or spot_um is not None:
            pitch_um = value
        else:
            spot_um = value
    layout = "square" if re.search(r"\bsquares?\b|\brectangular\b", text, re.I) else None
    layout = "hex" if re.search(r"\bhex\w*\b|\bhoneycomb\b", text, re.I) else layout
    return Size(spot_um, pitch_um, layout)
