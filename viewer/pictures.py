"""What an answer shows beside its words, as Markdown: maps, crops, places found, files, what it cost."""

import re
from collections.abc import Collection, Iterable
from urllib.parse import quote, urlencode

from agent.events import Answer, Artifact

REGION = re.compile(r"(?<![\w\[#/`])`?\b(r\d+)\b`?(?![\w\]])")
MOST_MAPS, MOST_CROPS, MOST_PLACES = 4, 4, 6
AROUND_UM = 220


def figures(artifacts: Iterable[Artifact], visit: str) -> str:
    """The maps and pictures that a tool made, to stand below its words."""
    found = []
    for artifact in artifacts:
        if artifact["kind"] == "layer":
            found.append(f"![Map {artifact['layer']}](sw/visits/{visit}/layers/{artifact['layer']}.png)")
        elif artifact["kind"] == "image":
            found.append(f"![Tissue](sw/visits/{visit}/pictures/{artifact['image']}.png)")
    return "".join(f"\n\n{picture}" for picture in found[:MOST_MAPS])


def crops(text: str, known: Collection[str], visit: str) -> str:
    """What the regions named in an answer look like, each a link to its place."""
    named = [name for name in dict.fromkeys(REGION.findall(text)) if name in known][:MOST_CROPS]
    pictures = (f"[![Tissue of {name}](sw/visits/{visit}/regions/{name}.jpg)](#{name})" for name in named)
    return "\n\n" + " ".join(pictures) if named else ""


def places(artifacts: Iterable[Artifact]) -> str:
    """The best places that a search over slides found, each a link to it."""
    hits = [row for artifact in artifacts if artifact["kind"] == "hits" for row in artifact["rows"]][:MOST_PLACES]
    pictures = []
    for hit in hits:
        where = urlencode({"x": round(hit["x"]), "y": round(hit["y"]), "um": AROUND_UM})
        there = f"#at/{quote(hit['slide'], safe='')}/{round(hit['x'])}/{round(hit['y'])}"
        pictures.append(f"[![{hit['slide']}](sw/slides/{quote(hit['slide'], safe='')}/crop.jpg?{where})]({there})")
    return "\n\n" + " ".join(pictures) if pictures else ""


def files(artifacts: Iterable[Artifact], visit: str) -> str:
    """Links to files that were written."""
    names = [artifact["name"] for artifact in artifacts if artifact["kind"] == "file"]
    return "".join(f"\n\n[Download {name}](sw/visits/{visit}/files/{quote(name)})" for name in names)


def without_folders(text: str, artifacts: Iterable[Artifact]) -> str:
    """Words about files that were written, with names in place of paths: the page may be open on another machine."""
    for artifact in artifacts:
        if artifact["kind"] == "file":
            text = text.replace(str(artifact["path"]), artifact["name"])
    return text


def cost(answer: Answer) -> str:
    """Tokens that a chat model's server counted, and their price where it is known."""
    if answer.usage is None:
        return ""
    price = "" if answer.usage.cost is None else f", {answer.usage.cost:.4f} in the currency of the settings"
    return f"\n\n*{answer.usage.input_tokens:,} tokens read, {answer.usage.output_tokens:,} written{price}*"
