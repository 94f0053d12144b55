"""Tools that prepare a slide: lay spots on the tissue, infer expression."""

from dataclasses import replace
from typing import Literal

from langchain.tools import ToolRuntime, tool

from agent.events import Artifact, Progress
from agent.session import Session
from agent.toolbox.errors import told
from agent.toolbox.words import area, basis, counted, number
from tools import prepare as stages
from tools.errors import ToolError
from tools.workspace import PrepareOptions, SlideState


def _target(session: Session) -> tuple[str, PrepareOptions]:
    """The open slide's name or path, and how it is to be prepared."""
    name = session.slide.name if session.slide else session.opened
    if name is None:
        known = ", ".join(state.name for state in session.workspace.slides()) or "none yet"
        raise ToolError(f"No slide is open. Open one with open_slide (known: {known}).")
    return name, options_for(session, session.workspace.find(name))


def options_for(session: Session, state: SlideState) -> PrepareOptions:
    """How a slide is to be prepared: as this conversation said, else as before, else with the session's models."""
    options = session.options or state.options
    return replace(options, models=session.models) if state.state == "new" and session.models else options


@tool(response_format="content_and_artifact", parse_docstring=True)
def tile_slide(
    runtime: ToolRuntime[Session],
    spot_um: float = 55,
    pitch_um: float | None = None,
    layout: Literal["hex", "square"] = "hex",
) -> tuple[str, list[Artifact]]:
    """Lay a new grid of spots on the tissue of the open slide; expression must be inferred again after it.

    Args:
        spot_um: Diameter of a spot in microns, 5 to 1000.
        pitch_um: Distance between the centres of neighbouring spots in microns; leave out to let the specimen decide.
        layout: "hex" as in Visium, or "square".
    """
    session = runtime.context
    with told():
        name, options = _target(session)
        if options.spots_path is not None:
            raise ToolError("The spots of this slide were given with its data; they are not laid anew.")
        options = replace(options, spot_um=spot_um, pitch_um=pitch_um, layout=layout)
        state, spots = stages.tile(session.workspace, name, options)
    if state.state == "prepared":
        return f"{state.name} already has this grid: {counted(len(spots), 'spot')}; nothing changed.", []
    session.show(state.name, None, options)
    tissue = f", on {area(spots.tissue_um2)} of tissue" if spots.tissue_um2 else ""
    grid = f"of {spots.spot_um:g} um, {spots.pitch_um:g} um apart ({spots.layout})"
    words = (
        f"{counted(len(spots), 'spot')} {grid}{tissue}.\n"
        "Expression is not inferred for this grid yet: call infer_expression."
    )
    return words, [{"kind": "slide", "slide": state.name}]


@tool(response_format="content_and_artifact", parse_docstring=True)
def infer_expression(runtime: ToolRuntime[Session]) -> tuple[str, list[Artifact]]:
    """Prepare the open slide: infer the expression of every spot from the image. Skips what is done."""
    session = runtime.context

    def report(stage: str, done: int, total: int) -> None:
        runtime.stream_writer(Progress(stage, int(done), int(total)))

    with told():
        name, options = _target(session)
        slide = stages.prepare(session.workspace, name, options, session.runtime, report)
    session.show(slide.name, slide, options)
    known = ""
    if "reliability" in slide.adata.var and slide.adata.var["reliability"].notna().any():
        known = f", median reliability {number(float(slide.adata.var['reliability'].median()))}"
    words = (
        f"{slide.name} is ready: expression of {slide.adata.n_vars:,} genes in {counted(len(slide.spots), 'spot')} "
        f"({slide.provenance.get('units', 'log1p CP10K')}{known}).\n{basis(slide)}"
    )
    return words, [{"kind": "slide", "slide": slide.name}]
