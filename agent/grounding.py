"""Whether what an answer says stands in what the tools said: numbers and gene names."""

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"(?<![\w.])[-−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w]|\.\d)", re.I)
_SYMBOL = re.compile(r"(?<![\w-])[A-Z][A-Z0-9]{1,9}(?:-[A-Z0-9]{1,5})?(?![\w-])")
_SMALL = 10  # whole numbers up to here are said in passing ("two of the three")


def unsupported(answer: str, sources: Iterable[str]) -> list[str]:
    """Numbers and gene symbols of `answer` that occur in none of `sources`; a rounded number counts as found."""
    text = "\n".join(sources)
    known = [_value(found) for found in re.findall(r"[-−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?", text, re.I)]
    missing = [found for found in _NUMBER.findall(answer) if not _found(found, known)]
    symbols = [found for found in _SYMBOL.findall(answer) if any(c.isdigit() for c in found)]
    missing += [found for found in symbols if not re.search(rf"(?<![\w]){re.escape(found)}(?![\w])", text, re.I)]
    return list(dict.fromkeys(missing))


def _value(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


def _found(text: str, known: list[float]) -> bool:
    """Whether a source says this number, with as many or more digits."""
    value = _value(text)
    if value == int(value) and abs(value) <= _SMALL and "." not in text:
        return True
    decimals = len(text.partition(".")[2]) if "e" not in text.lower() else 0
    half = 0.5 * 10.0**-decimals * 1.001
    if "e" in text.lower():
        return any(abs(value - other) <= 0.5 * max(abs(value), abs(other)) for other in known)
    return any(abs(value - abs(other) * scale) <= half for other in known for scale in (1.0, -1.0, 100.0))
