"""Words that the planner knows: histology terms, gene symbols and their everyday names, phrases of other languages."""

import json
import re
from functools import cache
from importlib import resources
from typing import Any

_WORD = re.compile(r"[^\W\d_]{5,}")
_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9]{0,9}(?:-[A-Za-z0-9]{1,5})*\Z")
_CELL_WORD = re.compile(
    r"\s*[+⁺]?\s*(positive |high |low )?(t|b|nk)?[ -]?(cells?|lymphocytes?|macrophages?|positive)\b", re.I
)


@cache
def read_data(name: str) -> Any:
    """One of the data files beside this module."""
    return json.loads((resources.files("agent.offline") / name).read_text(encoding="utf-8"))


@cache
def pattern(section: str, name: str) -> re.Pattern[str]:
    """A pattern of grammar.json, where each is a list of alternatives."""
    return re.compile("|".join(read_data("grammar.json")[section][name]), re.I)


@cache
def _each(name: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(text, re.I) for text in read_data("grammar.json")["slots"][name])


def first_match(name: str, text: str) -> re.Match[str] | None:
    """The match of the first of a slot's patterns that matches at all, whichever matches further left."""
    return next((match for one in _each(name) if (match := one.search(text))), None)


@cache
def words(name: str) -> frozenset[str]:
    """A word list of grammar.json."""
    return frozenset(read_data("grammar.json")["words"][name].split())


@cache
def _known_words() -> frozenset[str]:
    lexicon, exemplars = read_data("lexicon.json"), read_data("exemplars.json")
    words = set(lexicon["terms"]) | set(lexicon["words"])
    for texts in (*exemplars["intents"].values(), lexicon["phrases"], lexicon["genes"]):
        for text in texts:
            words.update(_WORD.findall(text.lower()))
    return frozenset(words)


@cache
def _correctable() -> dict[str, list[str]]:
    lexicon = read_data("lexicon.json")
    by_letter: dict[str, list[str]] = {}
    for word in sorted({*lexicon["terms"], *lexicon["words"][:60]}):
        by_letter.setdefault(word[0], []).append(word)
    return by_letter


@cache
def _terms() -> frozenset[str]:
    return frozenset(read_data("lexicon.json")["terms"])


def names_tissue(text: str) -> bool:
    """Whether a histology term occurs in `text`."""
    terms = _terms()
    words = re.findall(r"[^\W\d_]+", text.lower())
    return any(word in terms or word.removesuffix("s") in terms or word + "s" in terms for word in words)


def _distance(a: str, b: str) -> int:
    """Edits between two words; swapping neighbours counts as one."""
    rows = [list(range(len(b) + 1))]
    for i, letter in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


def correct(word: str) -> str:
    """The known word that `word` misspells, or `word` itself when none is near."""
    lower = word.lower()
    if len(lower) < 5 or lower in _known_words() or _is_form_of_known(lower):
        return word
    allowed = 1 if len(lower) < 8 else 2
    near = [
        (distance, known)
        for known in _correctable().get(lower[0], [])
        if abs(len(known) - len(lower)) <= allowed and (distance := _distance(lower, known)) <= allowed
    ]
    return min(near)[1] if near else word


def _is_form_of_known(lower: str) -> bool:
    lexicon = read_data("lexicon.json")
    known = frozenset([*lexicon["terms"], *lexicon["words"]])
    stems = (lower.removesuffix(ending) for ending in ("s", "es", "ed", "ing", "al", "ic", "ly", "er", "d"))
    return any(stem in known or stem + "e" in known for stem in stems if stem != lower)


def correct_all(text: str) -> str:
    """`text` with misspelt words corrected; gene symbols and short words are left alone."""
    return re.sub(r"(?<![\w-])[^\W\d_]{5,}(?![\w-])", lambda match: correct(match.group()), text)


def translate(text: str) -> str:
    """`text` with abbreviations and common German and French phrases in English."""
    lexicon, language = read_data("lexicon.json"), _language(text)
    for source, target in (*_longest_first(lexicon["frames"]), *lexicon["phrases"].items()):
        if source == "nk":
            continue
        text = _replaced(text, source, target)
    return _function_words(text, language) if language else text


def _longest_first(table: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(table.items(), key=lambda pair: -len(pair[0]))


def _replaced(text: str, source: str, target: str) -> str:
    return re.sub(rf"(?<![\w-]){re.escape(source)}(?![\w-])", target, text, flags=re.I)


_ELIDED = re.compile(r"\b[ld]'(?=\w{3})", re.I)


def _language(text: str) -> str | None:
    """The language other than English that two small words of a text betray."""
    found = re.findall(r"[^\W\d_]+", text.lower())
    for name, table in read_data("lexicon.json")["function_words"].items():
        elided = name == "french" and _ELIDED.search(text) is not None
        if sum(word in table["markers"] for word in found) + elided >= 2:
            return str(name)
    return None


def _function_words(text: str, language: str) -> str:
    """Small words of a German or French sentence in English."""
    text = _ELIDED.sub("the ", text)
    for source, target in read_data("lexicon.json")["function_words"][language]["words"].items():
        text = _replaced(text, source, target)
    return " ".join(text.split())


@cache
def _symbols() -> dict[str, str]:
    return {symbol.lower(): symbol for symbol in read_data("lexicon.json")["symbols"]}


def genes_of_word(word: str, shouting: bool = False) -> list[str]:
    """Gene symbols that one word names: a symbol, or an everyday name such as HER2; [] for any other word.

    With `shouting` (the whole sentence is in capitals) capitals alone do not make a symbol.
    """
    lexicon, lower = read_data("lexicon.json"), word.lower()
    if lower in lexicon["genes"]:
        return list(lexicon["genes"][lower])
    if lower in _symbols() and (word != lower or len(lower) > 3):
        return [_symbols()[lower]]
    if not _SYMBOL.match(word) or word.upper() in lexicon["not_genes"] or len(word) < 2:
        return []
    has_digit = any(letter.isdigit() for letter in word)
    if has_digit and len(word) > 2 and sum(letter.isalpha() for letter in word) > 1:
        return [word.upper()] if "orf" not in lower else [word]
    if word.isupper() and not shouting and len(word) > 2:
        return [word]
    return []


def genes_in(text: str) -> tuple[list[str], str]:
    """Genes named in `text`, and the text with each replaced by GENE.

    A marker in front of a cell word ("CD8+ T cells") belongs to the cell's name and is left in the text.
    """
    letters = [letter for letter in text if letter.isalpha()]
    shouting = len(text.split()) > 2 and bool(letters) and all(letter.isupper() for letter in letters)
    genes: list[str] = []

    def mask(match: re.Match[str]) -> str:
        found = genes_of_word(match.group(), shouting)
        if not found or _CELL_WORD.match(text, match.end()) or re.fullmatch(r"[rl]\d+", match.group(), re.I):
            return match.group()
        genes.extend(gene for gene in found if gene not in genes)
        return "GENE"

    masked = re.sub(r"(?<![\w.])[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*(?![\w])(?!\.\w)", mask, text)
    return genes, masked
