"""Tools about slides: which there are, open one, say what it is and what it holds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from langchain.tools import ToolRuntime, tool

from agent.events import Artifact
from agent.session import Session
from agent.toolbox.errors import told
from agent.toolbox.evidence import CLEAR, evidence, null_peaks
from agent.toolbox.places import prepared_slide
from agent.toolbox.words import area, basis, counted, number, percent
from tools.allowed import allowed_path
from tools.enrichment import same_maps
from tools.errors import MppNeeded, SlideError, ToolError
from tools.prepared import PreparedSlide, load_prepared
from tools.slide import open_slide as open_file
from tools.workspace import SlideState

UPLOADS = "uploads"  # where the page puts what is brought to it
LOOK_FOR = (
    "epidermis", "dermis", "collagen", "fibroblasts", "smooth muscle", "adipose tissue", "blood vessels",
    "glandular epithelium", "tumor cells", "T cells", "B cells", "plasma cells", "macrophages", "necrosis",
)  # fmt: skip


@tool(response_format="content_and_artifact", parse_docstring=True)
def list_slides(runtime: ToolRuntime[Session]) -> tuple[str, list[Artifact]]:
    """Slides of the workspace and what is ready for each."""
    session = runtime.context
    states = session.workspace.slides()
    rows = [
        {"slide": s.name, "state": s.state, "spots": s.facts.get("spots"), "genes": s.facts.get("genes"), "mpp": s.mpp}
        for s in states
    ]
    shown: list[Artifact] = [{"kind": "slides", "rows": rows}]
    demo = " 'demo' opens the demo slide." if session.workspace.demo else ""
    if not states:
        return f"There is no slide in the workspace yet; open one by the path of its file.{demo}", shown
    current = session.slide.name if session.slide else session.opened
    lines = [f"{counted(len(states), 'slide')} in the workspace:"]
    lines += [f"- {s.name}: {_state_words(s)}{', open now' if s.name == current else ''}" for s in states[:30]]
    if len(states) > 30:
        lines.append(f"and {len(states) - 30} more.")
    return "\n".join(lines), shown


def _state_words(state: SlideState) -> str:
    spots = counted(int(state.facts["spots"]), "spot") if "spots" in state.facts else ""
    if state.state == "prepared":
        genes = f", {state.facts['genes']:,} genes" if "genes" in state.facts else ""
        return f"prepared ({spots}{genes})"
    return f"tiled ({spots}), expression not inferred yet" if state.state == "tiled" else "not prepared yet"


@tool(response_format="content_and_artifact", parse_docstring=True)
def open_slide(runtime: ToolRuntime[Session], slide: str, mpp: float | None = None) -> tuple[str, list[Artifact]]:
    """Open a slide to talk about: its size, magnification, and whether it is prepared.

    Args:
        slide: Name of a slide of the workspace, "demo", or the path of a file.
        mpp: Microns per pixel; only where the file does not store it.
    """
    session = runtime.context
    with told():
        state = _find(session, slide)
        options = state.options if mpp is None else replace(state.options, mpp=mpp)
        picture = open_file(state.path, options.mpp or state.mpp)
        prepared = None
        if state.state == "prepared":
            prepared = load_prepared(session.workspace, state.name, session.runtime.device, session.runtime.models_dir)
    name = state.name if state.state != "new" else str(state.path)
    session.show(name, prepared, options if mpp is not None else None)
    lines = [f"Opened {state.name}: {picture.describe()}.", f"It is {_state_words(state)}."]
    if picture.mpp is None:
        lines.append(
            "The file does not say how large a pixel is: open it again with mpp (about 0.5 for a 20x scan, 0.25 for "
            "40x)."
        )
    elif prepared is None:
        lines.append("Call infer_expression to prepare it; that takes a minute or more.")
    return "\n".join(lines), [{"kind": "slide", "slide": state.name}]


def _find(session: Session, slide: str) -> SlideState:
    """The slide meant by `slide`; a part of a name that fits one slide alone is enough."""
    names = [state.name for state in session.workspace.slides()]
    wanted = slide.strip().strip("\"'").lower()
    exact = [name for name in names if name.lower() == wanted]
    near = exact or [name for name in names if wanted and wanted in name.lower()]
    if wanted != "demo" and len(near) == 1:
        return session.workspace.get(near[0])
    if wanted != "demo" and len(near) > 1:
        raise ToolError(f"'{slide}' fits several slides: {', '.join(near[:10])}. Which one?")
    if wanted == "demo" or exact:
        return session.workspace.find("demo" if wanted == "demo" else exact[0])
    return session.workspace.find(str(_allowed(session, slide.strip().strip("\"'"))))


def _allowed(session: Session, slide: str) -> Path:
    """A conversation opens files of the allowed folders only, and says nothing about what lies elsewhere."""
    try:
        return allowed_path(slide, (*session.slide_folders, session.workspace.root / UPLOADS))
    except SlideError as error:
        known = ", ".join(state.name for state in session.workspace.slides()) or "none yet"
        raise ToolError(
            f"{str(error).rstrip('.')}, and it is no slide of the workspace (known: {known}). Prepare it on the "
            "command line, or allow its folder in the setting slide_folders."
        ) from error


@tool(response_format="content_and_artifact", parse_docstring=True)
def describe_slide(runtime: ToolRuntime[Session]) -> tuple[str, list[Artifact]]:
    """What the open slide is: size, spots, tissue area, models, units, reliability, and which terms stand out on it."""
    session = runtime.context
    if session.slide is None and session.opened is not None:
        with told():
            state = session.workspace.find(session.opened)
            if state.state != "prepared":
                return _not_prepared(session, state), []
    slide = prepared_slide(session)
    with told():
        size = _size(slide)
    spots = slide.spots
    tissue = f"; tissue {area(spots.tissue_um2)}" if spots.tissue_um2 else ""
    lines = [
        f"{slide.name}: {size}.",
        f"{counted(len(spots), 'spot')} of {spots.spot_um:g} um, {spots.pitch_um:g} um apart ({spots.layout}){tissue}.",
        _expression(slide),
        _holds(slide),
        basis(slide),
    ]
    return "\n".join(lines), []


def _not_prepared(session: Session, state: SlideState) -> str:
    options = session.options or state.options
    picture = open_file(state.path, options.mpp or state.mpp)
    return (
        f"{state.name}: {picture.describe()}. It is {_state_words(state)}, so I cannot say what it holds: "
        "call infer_expression to prepare it."
    )


def _size(slide: PreparedSlide) -> str:
    try:
        return slide.slide.describe()
    except MppNeeded as error:
        return str(error)


def _expression(slide: PreparedSlide) -> str:
    data, provenance = slide.adata, slide.provenance
    models = provenance.get("models", {})
    source = f"predicted by {models.get('predictor', '?')} from tiles embedded by {models.get('encoder', '?')}"
    source = "measured" if provenance.get("expression") == "measured" else f"{source}, not measured"
    line = f"Expression of {data.n_vars:,} genes ({provenance.get('units', 'log1p CP10K')}), {source}"
    if "reliability" not in data.var or not np.isfinite(data.var["reliability"]).any():
        return f"{line}; how well each gene is predicted is unknown."
    reliability = data.var["reliability"].dropna().sort_values(ascending=False)
    best = ", ".join(str(gene) for gene in reliability.index[:5])
    return (
        f"{line}; held-out correlation with the measured gene: median {number(float(reliability.median()))}, "
        f"{percent(float((reliability > 0.3).mean()))} of the genes above 0.30, best {best}."
    )


def _holds(slide: PreparedSlide) -> str:
    """Which common terms stand out from unrelated phrases."""
    null = null_peaks(slide)
    found = [(evidence(slide, term, slide.text_scores(term), null, twins=False), term) for term in LOOK_FOR]
    clear = sorted(((e.beats, term) for e, term in found if e.beats >= CLEAR and not e.nearest), reverse=True)
    if not clear:
        return f"None of {len(LOOK_FOR)} common tissue terms stands out from unrelated phrases."
    groups = same_maps(slide, [term for _, term in clear])
    terms = "; ".join(" or ".join(group) for group in groups[:5])
    untold = ' ("or": the maps are nearly the same, the model cannot tell which)' if len(groups) < len(clear) else ""
    return f"Of {len(LOOK_FOR)} common tissue terms these stand out most from unrelated phrases: {terms}{untold}."
