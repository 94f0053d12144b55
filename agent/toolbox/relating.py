"""Tools about where things lie to each other, and where else the same is found."""

from dataclasses import asdict
from typing import Any, Literal

import numpy as np
from langchain.tools import ToolRuntime, tool

from agent.events import Artifact
from agent.session import Session
from agent.toolbox.errors import told
from agent.toolbox.evidence import CLEAR, WEAK, evidence
from agent.toolbox.places import prepared_slide, resolve
from agent.toolbox.words import basis, counted, listed, number, percent
from models.registry import model_set
from tools.errors import ToolError
from tools.index import Hit
from tools.prepared import PreparedSlide, load_prepared
from tools.relations import Relation, relate
from tools.search import search_workspace
from tools.similar import similar_spots as find_similar
from tools.workspace import SlideState

MOST_SLIDES = 25  # slides that are looked at one by one; of more only those that Chroma found


@tool(response_format="content_and_artifact", parse_docstring=True)
def spatial_relation(runtime: ToolRuntime[Session], region_a: str, region_b: str) -> tuple[str, list[Artifact]]:
    """How two regions lie to each other: distances in um from A to B and to B's border, and whether they touch.

    Args:
        region_a: A region id (r1), "selection", a cluster (c2), or words such as "immune cells".
        region_b: The region to which distances are measured, written in the same way.
    """
    session = runtime.context
    slide, a, b = prepared_slide(session), resolve(session, region_a), resolve(session, region_b)
    found = relate(a.rows, b.rows, slide.spots)
    lines = [found_place.doubt for found_place in (a, b) if found_place.doubt]
    lines += _relation_lines(found, a.label, b.label, slide)
    to_spots, to_border = float(np.median(found.to_spots)), float(np.median(found.to_border))
    rows = [
        {"measure": "median distance to the nearest spot of B", "value": to_spots, "unit": "um"},
        {"measure": "median distance to B's border, negative inside", "value": to_border, "unit": "um"},
        {"measure": "contact", "value": found.contact, "unit": "share"},
        {"measure": "contact expected by chance", "value": found.expected, "unit": "share"},
        {"measure": "p", "value": found.p, "unit": ""},
    ]
    artifacts = [*a.artifacts, *b.artifacts]
    shown = [*(r.id for r in a.regions), *(r.id for r in b.regions)]
    if shown:
        artifacts.append({"kind": "regions", "regions": shown})
    artifacts.append({"kind": "relation", "a": a.label, "b": b.label, "rows": rows})
    return "\n".join([*lines, basis(slide)]), artifacts


def _relation_lines(found: Relation, a: str, b: str, slide: PreparedSlide) -> list[str]:
    low, high = np.quantile(found.to_spots, [0.25, 0.75])
    border = found.to_border
    inside = float((border < 0).mean())
    lines = [
        f"From {a} to {b}: a spot of the first is {np.median(found.to_spots):.0f} um from the nearest spot of the "
        f"second (median, centre to centre; quartiles {low:.0f} and {high:.0f} um)"
        + (f"; {counted(found.both, 'spot')} belong to both." if found.both else ".")
    ]
    outer = border[border >= 0]
    reach = (
        f"those outside lie {np.median(outer):.0f} um from its border (median)" if len(outer) else "none lies outside"
    )
    other = "" if np.isnan(found.elsewhere) else f"; tissue that is in neither lies {found.elsewhere:.0f} um from it"
    lines.append(f"{percent(inside)} of the first lies inside the second, {reach}{other}.")
    if np.isnan(found.contact):
        lines.append("The first region fills the tissue, so contact cannot be judged.")
    elif np.isnan(found.p):
        lines.append(f"Of the neighbouring spots of the first, {percent(found.contact)} belong to the second.")
    else:
        word = "no more and no less than by chance"
        if found.p < 0.05:
            word = "more than by chance" if found.contact > found.expected else "less than by chance"
        lines.append(
            f"Of the neighbouring spots of the first, {percent(found.contact)} belong to the second, {word} "
            f"({percent(found.expected)} when the first is moved to random places, p {found.p:.2g})."
        )
    lines.append(f"Note: distances are no finer than the grid of {slide.spots.pitch_um:g} um.")
    return lines


@tool(response_format="content_and_artifact", parse_docstring=True)
def similar_spots(
    runtime: ToolRuntime[Session], region: str, slides: Literal["all", "this", "other"] = "all"
) -> tuple[str, list[Artifact]]:
    """Spots whose transcriptome is like that of a region, on this slide or on the others of the workspace.

    Args:
        region: A region id (r1), "selection", a cluster (c2), or words such as "dermis".
        slides: "all", "this" slide only, or the "other" slides only.
    """
    session = runtime.context
    slide, inside = prepared_slide(session), resolve(session, region)
    names = [state.name for state in _same_space(session, slide.state.options.models)]
    names = [name for name in names if slides == "all" or (name == slide.name) == (slides == "this")]
    with told():
        found = find_similar(session.workspace, slide, inside.rows, names, session.runtime)
    best = found.hits[0].score if found.hits else float("nan")
    held = ", ".join(f"{name} {n}" for name, n in found.by_slide().items()) or "none"
    lines = [inside.doubt] if inside.doubt else []
    lines.append(
        f"The {len(found.hits)} spots most like {inside.label}: by slide {held}. Cosine {number(best)} at best and "
        f"{number(found.hits[-1].score if found.hits else float('nan'))} at the last; the region's own spots have "
        f"{found.within:.2f} on average."
    )
    lines.append("Best: " + "; ".join(_hit_words(hit) for hit in found.hits[:4]) + ".")
    lines.append("Note: each slide is described by contrast to its own mean, so likeness across slides is relative.")
    artifacts = [*inside.artifacts, _hits(f"like {inside.label}", found.hits, [])]
    return "\n".join([*lines, basis(slide)]), artifacts


@tool(response_format="content_and_artifact", parse_docstring=True)
def search_slides(runtime: ToolRuntime[Session], query: str, top_k: int = 20) -> tuple[str, list[Artifact]]:
    """Which slides of the workspace hold something, and their best spots.

    Args:
        query: A cell type, tissue, structure or process in words.
        top_k: How many best spots to list over all slides.
    """
    session = runtime.context
    models = session.slide.state.options.models if session.slide else _some_models(session)
    with told():
        hits = search_workspace(session.workspace, query, min(max(top_k, 1), 200), models, session.runtime)
    states = _same_space(session, models)
    if len(states) > MOST_SLIDES:
        found = {hit.slide for hit in hits}
        states = [state for state in states if state.name in found][:MOST_SLIDES]
    rows = sorted((_on_slide(session, state, query, hits) for state in states), key=lambda row: -row["beats"])
    unknown = next((row["unknown"] for row in rows if row["unknown"]), "")
    if unknown:
        raise ToolError(str(unknown))
    clear = [str(row["slide"]) for row in rows if row["beats"] >= CLEAR]
    weak = [str(row["slide"]) for row in rows if WEAK <= row["beats"] < CLEAR]
    first = f"'{query}' stands out from chance on {listed(clear)}" if clear else f"'{query}' stands out on no slide"
    first += f", weakly on {listed(weak)}" if weak else ""
    lines = [f"{first} ({counted(len(rows), 'prepared slide')} looked at)."]
    lines += [
        f"- {row['slide']}: its best spots score higher than those of {percent(row['beats'])} of unrelated phrases, "
        f"{percent(row['above'])} of its spots above 2 SD, {row['hits']} of the {len(hits)} best spots"
        for row in rows[:10]
    ]
    if hits:
        lines.append("Best spots: " + "; ".join(_hit_words(hit) for hit in hits[:3]) + ".")
    lines.append(
        "Note: each slide is described by contrast to its own mean, so slides are compared by how far it stands out."
    )
    return "\n".join(lines), [_hits(query, hits, rows)]


def _same_space(session: Session, models: str) -> list[SlideState]:
    """Prepared slides whose joint space is that of this model set."""
    joint = model_set(models).joint
    ready = [state for state in session.workspace.slides() if state.state == "prepared"]
    return [state for state in ready if model_set(state.options.models).joint == joint]


def _some_models(session: Session) -> str:
    """The model set of the first prepared slide, else the session's."""
    ready = [s.options.models for s in session.workspace.slides() if s.state == "prepared"]
    return ready[0] if ready else session.models or "starter"


def _on_slide(session: Session, state: SlideState, query: str, hits: list[Hit]) -> dict[str, Any]:
    with told():
        slide = load_prepared(session.workspace, state.name, session.runtime.device, session.runtime.models_dir)
    values = slide.text_scores(query)
    found = evidence(slide, query, values, twins=False)
    return {
        "slide": state.name, "beats": found.beats, "above": float((values > 2).mean()),
        "hits": sum(hit.slide == state.name for hit in hits), "unknown": found.words(query) if found.nearest else "",
    }  # fmt: skip


def _hit_words(hit: Hit) -> str:
    return f"{hit.slide} spot {hit.spot} ({hit.score:.2f})"


def _hits(query: str, hits: list[Hit] | tuple[Hit, ...], slides: list[dict[str, Any]]) -> Artifact:
    return {"kind": "hits", "query": query, "rows": [asdict(hit) for hit in hits], "slides": slides}
