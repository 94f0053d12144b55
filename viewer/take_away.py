"""Files of what a visit found: the exporters of tools/ with what is on the board, and the conversation as text."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from tools.export import (
    Report,
    ReportPicture,
    ReportTable,
    ReportTurn,
    feature_collection,
    figure,
    report_html,
    spot_table,
    table_csv,
    write_h5ad,
    write_png,
)
from tools.prepared import PreparedSlide
from viewer import about
from viewer.inert import readable
from viewer.visit import Visit

REPORT_PX = 1_000
_PICTURE = re.compile(r"\[?!\[[^\]]*\]\(sw/[^)]*?(?P<id>\w+)\.(?:png|jpg)[^)]*\)(?:\]\(#[^)]*\))?")
_FILE = re.compile(r"\[Download ([^\]]*)\]\(sw/[^)]*\)")
_LINK = re.compile(r"\[(r\d+)\]\(#r\d+\)")


def geojson(visit: Visit) -> bytes:
    """Regions as annotations, spots with every layer's value as detections, for QuPath."""
    slide, board = _slide(visit), visit.board
    whole = feature_collection(slide.name, slide.spots, board.regions.values(), board.layers.values())
    return json.dumps(whole, allow_nan=False).encode()


def csv(visit: Visit) -> bytes:
    """A row per spot with its regions and layers."""
    return table_csv(spot_table(_slide(visit), visit.board.regions.values(), visit.board.layers.values())).encode()


def h5ad(visit: Visit) -> bytes:
    """The slide's AnnData with regions and layers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spots.h5ad"
        write_h5ad(path, _slide(visit), visit.board.regions.values(), visit.board.layers.values())
        return path.read_bytes()


def png(visit: Visit) -> bytes:
    """What is drawn now, as a figure for a paper."""
    slide, board = _slide(visit), visit.board
    caption = f"{slide.name}. Expression {about.source(slide)}, {slide.provenance.get('units', 'log1p CP10K')}."
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figure.png"
        write_png(path, slide, board.layers.get(board.left or ""), board.shown_regions(), caption)
        return path.read_bytes()


def report(visit: Visit) -> bytes:
    """The conversation with its figures as one HTML file."""
    basis = about.basis(visit.session.slide)
    facts = [f"Slide: {visit.slide}"] if visit.slide else []
    facts += [f"Expression: {basis['expression']}, {basis['units']}"] if basis else []
    facts += [f"{model['role']}: {model['name']} ({model['licence']})" for model in basis.get("models", [])]
    title = visit.transcript.title or "A conversation about a slide"
    return report_html(Report(title, [*facts, *basis.get("notes", [])], _turns(visit))).encode()


def talk(visit: Visit) -> bytes:
    """The conversation as Markdown."""
    parts = [f"# {visit.transcript.title or 'Conversation'}\n"]
    for message in visit.transcript.messages:
        words = plain(message["content"])
        if message["role"] == "user":
            parts.append(f"## {words}\n")
        elif "metadata" in message:
            parts.append(f"<details><summary>{message['metadata']['title']}</summary>\n\n{words}\n\n</details>\n")
        else:
            parts.append(f"{words}\n")
    return "\n".join(parts).encode()


def plain(text: str) -> str:
    """Words of a message without the page's pictures and links, inert as it is drawn."""
    return _FILE.sub(r"File: \1", _LINK.sub(r"\1", _PICTURE.sub("", text))).strip()


def _turns(visit: Visit) -> list[ReportTurn]:
    turns: list[dict[str, Any]] = []
    for message in visit.transcript.messages:
        if message["role"] == "user":
            turns.append({"question": readable(message["content"]), "answer": "", "steps": [], "layers": []})
        elif turns and "metadata" in message:
            turns[-1]["steps"].append(
                (readable(message["metadata"]["title"].strip("`")), readable(plain(message["content"])))
            )
            turns[-1]["layers"] += [m["id"] for m in _PICTURE.finditer(message["content"])]
        elif turns:
            turns[-1]["answer"] += readable(plain(message["content"])) + "\n"
    return [
        ReportTurn(t["question"], t["answer"], t["steps"], _pictures(visit, t["layers"]), _tables(visit, t["steps"]))
        for t in turns
    ]


def _pictures(visit: Visit, layers: list[str]) -> list[ReportPicture]:
    slide, board = visit.session.slide, visit.board
    if slide is None:
        return []
    pictures = []
    for layer in (board.layers[name] for name in dict.fromkeys(layers) if name in board.layers):
        regions = [region for region in board.regions.values() if region.query == layer.title]
        pictures.append(
            ReportPicture(figure(slide, layer, regions, max_px=REPORT_PX), f"{layer.title} on {slide.name}")
        )
    return pictures


def _tables(visit: Visit, steps: list[tuple[str, str]]) -> list[ReportTable]:
    """The gene table that is on the page, under the turn that made it."""
    genes = visit.board.genes
    made = any(call.startswith("Top genes") and str(genes.get("region")) in call for call, _ in steps)
    if not made or not genes.get("rows"):
        return []
    return [ReportTable(f"Genes of {genes['region']} against {genes['versus']}", genes["rows"])]


def _slide(visit: Visit) -> PreparedSlide:
    assert visit.session.slide is not None
    return visit.session.slide
