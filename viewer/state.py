"""Everything that the slide's side of the page shows of one visit, as JSON; arrays travel apart and are named here."""

from typing import Any

from viewer import about, overlay
from viewer.shelf import Shelf
from viewer.visit import Visit


def state_of(visit: Visit, shelf: Shelf) -> dict[str, Any]:
    """The slide, its layers and regions, and which of them are drawn."""
    prepared, board = visit.session.slide, visit.board
    source = about.source(prepared)
    n = len(prepared.spots) if prepared else 0
    layers = [layer for layer in board.layers.values() if len(layer.values) == n]
    return {
        "visit": visit.name,
        "version": visit.version,
        "slide": about.slide_payload(visit.address, visit.mpp, shelf)
        | {"title": visit.slide, "prepared": prepared is not None}
        | {"facts": about.facts(visit.address, prepared, visit.mpp, shelf)},
        "basis": about.basis(prepared),
        "spots": overlay.spots_key(prepared.name, prepared.spots) if prepared else None,
        "layers": [overlay.layer_payload(layer, source) for layer in layers],
        "regions": overlay.regions_payload(board.regions.values(), board.hidden, board.own),
        "left": board.left,
        "right": board.right,
        "focus": board.focus,
        "genes": board.genes,
    }
