"""Text that came from data, a person or a chat model, made inert before it is drawn as Markdown.

HTML in it is text; a picture or link to anywhere is words, so that no answer can make a browser ask another host or
carry something there. What the page itself adds (maps, regions, files) is added after this.
"""

import re

GAP = "\u2060"  # word joiner: has no width, and keeps `<b` from being a tag and `](` from being a link
_BREAKS = (
    (re.compile(r"<(?=[A-Za-z/!?])"), f"<{GAP}"),
    (re.compile(r"\](?=[(\[:])"), f"]{GAP}"),
    (re.compile(r"(?<=[A-Za-z]):(?=//)"), f":{GAP}"),
    (re.compile(r"\bwww(?=\.)", re.I), f"www{GAP}"),
    (re.compile(r"\b(javascript|vbscript|data)(?=:)", re.I), rf"\1{GAP}"),
    (re.compile(r"&(?=#|[A-Za-z][A-Za-z0-9]+;)"), f"&{GAP}"),
)


def inert(text: str) -> str:
    """`text` as it reads, without any power as Markdown links, pictures or HTML."""
    for pattern, broken in _BREAKS:
        text = pattern.sub(broken, text)
    return text


def readable(text: str) -> str:
    """What `inert` was given, for files, where nothing is drawn."""
    return text.replace(GAP, "")
