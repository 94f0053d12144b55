"""What the page itself says about a slide, outside any turn."""

from tools.prepared import PreparedSlide
from tools.workspace import SlideState
from viewer.shelf import Shelf

EXAMPLES = ("Where is the epidermis, and which genes mark it?", "Show me immune cells", "collagen")
EXAMPLE_GENES = ("KRT14", "KRT5", "COL1A1", "EPCAM", "VIM")  # the first that is predicted is offered


def greeting(
    state: SlideState, mpp: float | None, prepared: PreparedSlide | None, shelf: Shelf
) -> tuple[str, tuple[str, ...]]:
    """A sentence where something must be said, and questions to begin with."""
    if prepared is not None:
        genes = [gene for gene in EXAMPLE_GENES if gene in prepared.adata.var_names]
        return "", (*EXAMPLES, *(f"Show {gene}" for gene in genes[:1]))
    if mpp is None and state.mpp is None and shelf.slide(state.name).mpp is None:
        return (
            f"**{state.name}** does not store its pixel size, so nothing on it can be measured yet. How many microns "
            "is one pixel? About 0.5 for a 20x scan, 0.25 for 40x.",
            (f"Open slide {state.name} with mpp 0.5", f"Open slide {state.name} with mpp 0.25"),
        )
    return (
        f"**{state.name}** can be looked at, but no expression has been inferred on it yet, so I cannot search it. "
        "Shall I? On a small slide it takes a minute or two.",
        ("Infer expression on this slide",),
    )


def retiled(name: str) -> str:
    """That a new grid is everybody's."""
    return f"The new grid is now that of {name} for everyone who opens it."
