"""What the page says about a slide: its line of facts, what it rests on, where its tiles are."""

from typing import Any
from urllib.parse import quote

from models.registry import REGISTRY, model_class
from tools.errors import SlideError
from tools.prepared import PreparedSlide
from viewer.shelf import Shelf

NOTHING = "No slide yet. Open the Slides panel to bring one."


def source(prepared: PreparedSlide | None) -> str:
    """Whether the expression is predicted or measured."""
    return str(prepared.provenance["expression"]) if prepared else "predicted"


def basis(prepared: PreparedSlide | None) -> dict[str, Any]:
    """What the numbers of a slide rest on: predicted or measured, models with their licences, what to know of it."""
    if prepared is None:
        return {}
    provenance = prepared.provenance
    names = dict(provenance.get("models", {}))
    return {
        "expression": source(prepared),
        "units": str(provenance.get("units", "log1p CP10K")),
        "models": [_model(role, str(name)) for role, name in names.items()],
        "notes": prepared.notes,
        "reliability": _reliability(prepared),
    }


def _model(role: str, name: str) -> dict[str, Any]:
    card = model_class(name).card if name in REGISTRY else None
    known = {"licence": card.license, "source": card.source} if card else {"licence": "unknown", "source": ""}
    return {"role": role, "name": name} | known


def _reliability(prepared: PreparedSlide) -> dict[str, Any]:
    """Held-out Pearson of the genes: how many are known, their median, and how many are above 0.3."""
    if "reliability" not in prepared.adata.var:
        return {}
    known = prepared.adata.var["reliability"].dropna()
    if known.empty:
        return {}
    return {"genes": len(known), "median": float(known.median()), "above": int((known > 0.3).sum())}


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
