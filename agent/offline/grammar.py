"""Sentences to clauses, and what a clause asks for where its wording says so beyond doubt."""

import re

from agent.offline.lexicon import pattern, read_data

_BY_WORDING = (
    ("genes", "top_genes"),
    ("minus", "rank_spots"),
    ("compare", "compare_regions"),
    ("rank", "rank_spots"),
    ("measure", "measure"),
    ("where", "highlight_region"),
)
_SPLIT = re.compile(
    r"\s*[?!]+\s+(?=\S)"
    r"|\s*[;.,]\s+(?:and |then |also )*(?={start}\b)"
    r"|\s*,?\s+(?:and then|and also|and|then|also)\s+(?={start}\b)".replace(
        "{start}", pattern("slots", "clause_start").pattern
    ),
    re.I,
)


def clauses(text: str) -> list[str]:
    """The requests in one message: "where is fat, and which genes mark it?" holds two."""
    parts = [part.strip(" ,;.!?") for part in _SPLIT.split(text)]
    return [part for part in parts if part]


def small_talk(text: str) -> str | None:
    """`greeting` or `thanks` when the message is nothing else."""
    if pattern("wordings", "greeting").match(text.strip()):
        return "greeting"
    return "thanks" if pattern("wordings", "thanks").match(text.strip()) else None


def without_greeting(text: str) -> str:
    """`text` without a greeting in front."""
    return re.sub(
        r"^(?:hi|hello|hey|hallo|bonjour|good (?:morning|afternoon|evening))(?: there)?[ ,.!]+(?=\S)",
        "",
        text,
        flags=re.I,
    )


def elliptic(clause: str) -> str | None:
    """What follows "and", "what about" in a request that leaves out its verb; None for any other."""
    match = pattern("wordings", "ellipsis").match(clause)
    rest = match["rest"] if match else None
    return rest if rest and not _says("verbal", rest) and len(rest.split()) <= 5 else None


def intent_of(masked: str) -> str | None:
    """The intent that the words of a clause state, or None; genes read GENE."""
    for intent in read_data("grammar.json")["intents"]:
        searched = intent == "medical_advice" and _says("searching", masked)
        if pattern("intents", intent).search(masked) and not searched:
            return str(intent)
    if "GENE" in masked:
        return "top_genes" if _says("genes", masked.replace("GENE", "")) and _says("compare", masked) else "show_gene"
    for wording, intent in _BY_WORDING:
        if _says(wording, masked):
            return intent
    return None


def _says(wording: str, text: str) -> bool:
    return pattern("wordings", wording).search(text) is not None
