"""Slots of a clause: the phrase that is asked for, references to regions, numbers with units."""

import re
from dataclasses import dataclass

from agent.offline.plan import Focus, FromStep

_LEAD = frozenset(
    """a an the some any all of in on at to for from with by as and or then so now also again please ok okay well just
    hi hello hey um can could would will shall may you we i me us my your our it's let let's lets want need like love wanna
    to see know get have look looks looking find show shows give tell display draw outline highlight mark map plot paint colour color
    locate point out up segment search segmenting detect identify visualise visualize view reveal bring take pinpoint delineate circle spot
    where what which who how is are was were be do does did there here whereabouts exactly mostly mainly
    region regions area areas part parts place places zone zones spots location position piece pieces patch patches section
    rich full lots lot much many big large wide extensive size extent percentage percent fraction share proportion amount measure
    containing contain contains made consisting called that this these those bits
    heat heatmap rank score scores scoring best top strongest highest similar resemble resembles most more me's about concerning
    signal strength strong level levels presence distribution pattern tissue-wide image slide-wide covered occupied sits
    i'd i'm wher whre shwo teh slide der die das den dem des le la les du de un une l' tissue sample whole sampled
    interested compute calculate overlay on-screen if whether has anything something occupy occupies cover covers make makes""".split()
)
_TRAIL = frozenset(
    """the a an of in on at to for from with by here there please slide slides tissue image picture section sample specimen biopsy scan
    is are be do does it this that my your our located lie lies sit sits found visible present region regions area areas zone zones spots spot
    map heatmap heat right now exactly thanks thank you too also then again and or strongest highest high strong mostly mainly
    like look looks live reside on-screen me us one ones part parts signal score any occupy cover covers occupies take up
    dominate dominates enriched if possible all over across whole whereabouts""".split()
)
_KEEP_TISSUE = re.compile(r"(connective|adipose|fatty|lymphoid|granulation|scar|elastic|muscle|fibrous|soft|epithelial|normal|nervous) tissue$")
_GENE_WORDS = frozenset(
    """gene genes marker markers mark marks marking characterise characterize characterises characterizes characteristic
    distinguish distinguishes distinguishing define defines defining expressed express expresses expression differentially
    differential deg degs de upregulated downregulated up down regulated high higher highest low enriched enrichment top list
    set sets apart special unique specific signature profile transcripts transcriptional molecular molecularly difference
    differences different differ differs compare compared comparing comparison between contrast drive drives driving
    identity typical most significant significantly separate separates overexpressed active going molecules n why pick terms
    versus changed changes change""".split()
)
_VERSUS = re.compile(
    r"\s*,?\s*\b(?:versus|vs\.?|against|(?:as )?compared (?:to|with)|in comparison (?:to|with)|relative to|(?:rather |other )?than(?: in)?|but not in|"
    r"(?:apart|different|differs?|distinguish(?:es)?|separates?) (?:it )?from)\b\s*",
    re.I,
)
_MINUS = re.compile(r"\s*,?\s*(?:\b(?:minus|without|but not|excluding|except(?: for)?|and not|not counting|ignoring|less)\b|\s[-–−]\s)\s*", re.I)
_TAKE_AWAY = re.compile(
    r"^(?:what (?:is|remains) (?:left )?of )?(?P<query>.+?),? (?:if|when|after|once) (?:you|we|i)? ?(?:take away|taking away|remove|removing|subtract|subtracting|leave out|leaving out|exclude|excluding)"
    r"(?: the)? (?P<minus>.+)$|^(?:subtract|take away|remove|take) (?:the )?(?P<minus2>.+?) (?:away )?from (?:the )?(?P<query2>.+)$",
    re.I,
)
_NUMBER_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_NUMBER_WORDS |= {"twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "fifty": 50, "hundred": 100}
_COUNT = r"(\d{1,4}|" + "|".join(_NUMBER_WORDS) + ")"
_ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "1st": 0, "2nd": 1, "3rd": 2, "largest": 0, "biggest": 0, "last": -1, "smallest": -1}
_ORDINAL = re.compile(r"\b(?:the )?(" + "|".join(_ORDINALS) + r")(?: (?:one|region|area|piece|patch|spot|part))?\b", re.I)
_REGION_ID = re.compile(r"\br\d+(?:\s*(?:,|and|&|-|to)\s*r\d+)*\b", re.I)
_SELECTION = re.compile(r"\b(?:(?:my|the|this|current) )?(?:selection|selected (?:area|region|spots|part|tissue)|lasso(?:ed)?(?: (?:area|region|spots))?|(?:area|region|spots|part|what) (?:that )?i (?:have )?(?:selected|drew|marked|lassoed|circled|picked))\b", re.I)
_ANAPHOR = re.compile(r"\b(?:there|it|that|this|them|they|those|these|here|(?:that|this|the|these|those|both|all) (?:same |highlighted |outlined |marked )?(?:regions?|areas?|parts?|zones?|patch(?:es)?|pieces?|ones?|place|structures?)|its|their)\b", re.I)


@dataclass(frozen=True)
class Size:
    """Numbers of a tiling request, in um."""

    spot_um: float | None
    pitch_um: float | None
    layout: str | None


def phrase(text: str, genes_too: bool = False) -> str:
    """The thing that is asked for: `text` without the words that frame it."""
    words = re.sub(r"[?!.,;:\"“”()]+(?=\s|$)|(?<!\S)[\"“(]+", " ", text).split()
    lead, trail = (_LEAD | _GENE_WORDS, _TRAIL | _GENE_WORDS) if genes_too else (_LEAD, _TRAIL)
    while words and (words[0].lower() in lead or re.fullmatch(r"\d+%?|'s", words[0])):
        words = words[1:]
    while words and words[-1].lower().rstrip("'s") in trail | {""} or (words and words[-1].lower() in trail):
        if _KEEP_TISSUE.search(" ".join(words).lower()):
            break
        words = words[:-1]
    return " ".join(words)


def split_versus(text: str) -> tuple[str, str | None]:
    """`A versus B`, `between A and B`, `compare A with B` -> (A, B); B is None when nothing is compared."""
    between = re.search(r"\bbetween (.+?) and (.+)$", text, re.I)
    if between:
        return between.group(1), between.group(2)
    compare = re.search(r"\b(?:compare|contrast|comparing) (.+?)(?: and | with | to | against | versus | vs\.? )(.+)$", text, re.I)
    if compare:
        return compare.group(1), compare.group(2)
    apart = re.search(r"\b(?:distinguish\w*|differ\w*|separat\w*|apart|tell)\b(.+?) from (.+)$", text, re.I)
    if apart:
        return apart.group(1), apart.group(2)
    parts = _VERSUS.split(text, maxsplit=1)
    return (parts[0], parts[1]) if len(parts) == 2 and parts[1].strip() else (text, None)


def split_minus(text: str) -> tuple[str, str | None]:
    """`A minus B`, `A but not B`, `A if you take away B` -> (A, B)."""
    match = _TAKE_AWAY.match(text.strip().rstrip("?.! "))
    if match:
        return (match["query"] or match["query2"]), (match["minus"] or match["minus2"])
    parts = _MINUS.split(text, maxsplit=1)
    return (parts[0], parts[1]) if len(parts) == 2 and parts[0].strip() and parts[1].strip() else (text, None)


def region_ids(ids: tuple[str, ...]) -> str:
    """Ids as one region argument: r1 · r1, r2 · r1-r7."""
    numbers = [int(name[1:]) for name in ids]
    if len(numbers) > 2 and sorted(numbers) == list(range(min(numbers), max(numbers) + 1)):
        return f"r{min(numbers)}-r{max(numbers)}"
    return ", ".join(ids)


def reference(text: str, focus: Focus) -> str | FromStep | None:
    """The region that `text` refers to (an id, "the second one", "there", "my selection"), or None."""
    outside = re.search(r"\b(?:outside|except|everything but|not in|the rest|elsewhere|surroundings? of|around)\b", text, re.I)
    found = _plain_reference(text, focus)
    if outside and isinstance(found, FromStep):
        return FromStep(found.step, "outside ")
    return f"outside {found}" if outside and found else found


def _plain_reference(text: str, focus: Focus) -> str | FromStep | None:
    ids = _REGION_ID.search(text)
    if ids:
        return re.sub(r"\s*(?:and|&)\s*", ", ", re.sub(r"\s*(?:to|-)\s*", "-", ids.group().lower()))
    if _SELECTION.search(text):
        return "selection"
    ordinal = _ORDINAL.search(text)
    if ordinal and isinstance(focus.regions, tuple) and focus.regions:
        position = _ORDINALS[ordinal.group(1).lower()]
        return focus.regions[position] if position < len(focus.regions) else None
    if _ANAPHOR.search(text):
        return in_focus(focus)
    return None


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


def fraction(text: str) -> float | None:
    """A share of the spots: "top 10 %", "best 5 percent"."""
    match = re.search(r"\b(\d{1,2}(?:\.\d+)?)\s*(?:%|per ?cent\b)", text, re.I)
    return float(match.group(1)) / 100 if match else None


_MPP = re.compile(
    r"[ ,]*\b(?:(?:at|with|and|has|of|is|it is|the|a|pixel|size|=|:)\s+)*(?:mpp\s*(?:of|is|=|:)?\s*(?P<a>\d*\.?\d+)|(?P<b>\d*\.?\d+)\s*(?:mpp|(?:um|µm|μm|microns?|micromet\w+)\s*(?:per|/|a)\s*(?:px|pixels?))"
    r"|pixel size\s*(?:of|is|=|:)?\s*(?P<c>\d*\.?\d+)(?:\s*(?:um|µm|μm|microns?|micromet\w+))?)",
    re.I,
)


def pixel_size(text: str) -> tuple[float | None, str]:
    """Microns per pixel that `text` gives, and the text without it."""
    match = _MPP.search(text)
    if not match:
        return None, text
    return float(match["a"] or match["b"] or match["c"]), (text[: match.start()] + text[match.end() :]).strip(" ,")


def sizes(text: str) -> Size:
    """Spot size, pitch and layout of a tiling request."""
    spot_um = pitch_um = None
    for match in re.finditer(r"(\d+(?:\.\d+)?)\s*(um|µm|μm|microns?|micromet\w+)?", text, re.I):
        value, after, before = float(match.group(1)), text[match.end() :].lower(), text[: match.start()].lower()
        near_pitch = re.match(r"\s*,?\s*(?:centre|center|pitch|spacing|apart|distance|step)", after)
        said_pitch = re.search(r"(?:pitch|spacing|apart|distance|every|step)\s*(?:of|to|=|:|is)?\s*$", before)
        if near_pitch or said_pitch or spot_um is not None:
            pitch_um = value
        else:
            spot_um = value
    layout = "square" if re.search(r"\bsquares?\b|\brectangular\b", text, re.I) else None
    layout = "hex" if re.search(r"\bhex\w*\b|\bhoneycomb\b", text, re.I) else layout
    return Size(spot_um, pitch_um, layout)
