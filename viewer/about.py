"""What the page says about a slide: its line of facts, its state in the picker, where its tiles are."""

from typing import Any
from urllib.parse import quote

from tools.errors import SlideError
from tools.prepared import PreparedSlide
from tools.workspace import SlideState
from viewer.shelf import Shelf

NOTHING = "No slide yet. Prepare one with `python app.py prepare SLIDE`, then reload this page."


def choices(states: list[SlideState], shown: str | None) -> list[tuple[str, str]]:
    """Entries of the picker, as (words, name); the slide that is shown is one of them even if it is a guest."""
    entries = [(s.name if s.state == "prepared" else f"{s.name} (not prepared)", s.name) for s in states]
    guest = shown is not None and shown not in {state.name for state in states}
    return [*entries, (f"{shown} (not prepared)", str(shown))] if guest else entries


def source(prepared: PreparedSlide | None) -> str:
    """Whether the expression is predicted or measured."""
    return str(prepared.provenance["expression"]) if prepared else "predicted"


def facts(name: str | None, prepared: PreparedSlide | None, mpp: float | None, shelf: Shelf) -> list[str]:
    """Size, magnification, spots, genes and models, as far as they are known. `name` is the shelf's."""
    if name is None:
        return []
    try:
        slide = shelf.slide(name)
    except SlideError as error:
        return [str(error)]
    mpp = mpp or slide.mpp
    known = []
    if mpp is None:
        known += [f"{slide.width:,} × {slide.height:,} px", "pixel size unknown"]
    else:
        known.append(f"{slide.width * mpp / 1000:.2f} × {slide.height * mpp / 1000:.2f} mm")
        known.append(f"{mpp:.3g} µm/px")
    if slide.objective:
        known.append(f"{slide.objective:g}×")
    if prepared is None:
        return [*known, "not prepared"]
    predictor = prepared.provenance["models"].get("predictor", "")
    by = f" by {predictor}" if predictor else ""
    return [*known, f"{len(prepared.spots):,} spots", f"{prepared.adata.n_vars:,} genes {source(prepared)}{by}"]


def slide_payload(name: str | None, mpp: float | None, shelf: Shelf) -> dict[str, Any]:
    """Where the browser finds the slide's tiles; without one, the sentence to show instead."""
    if name is None:
        return {"empty": NOTHING}
    try:
        slide = shelf.slide(name)
    except SlideError as error:
        return {"empty": str(error)}
    return {"name": name, "url": f"slides/{quote(name)}.dzi", "mpp": mpp or slide.mpp}
