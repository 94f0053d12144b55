"""The tool that looks at the tissue itself."""

import io

from langchain.tools import ToolRuntime, tool

from agent.events import Artifact
from agent.session import Session
from agent.toolbox.errors import told
from agent.toolbox.places import prepared_slide, resolve
from agent.toolbox.words import counted
from tools.crop import crop_region


@tool(response_format="content_and_artifact", parse_docstring=True)
def view_region(runtime: ToolRuntime[Session], region: str) -> tuple[str, list[Artifact]]:
    """Picture of the H&E of a region at the magnification that fits it, outlined, with a scale bar.

    Args:
        region: A region id (r1), several (r1, r2), "selection", a cluster (c2), or words such as "epidermis".
    """
    session = runtime.context
    slide, inside = prepared_slide(session), resolve(session, region)
    with told():
        crop = crop_region(slide, inside.rows)
    stream = io.BytesIO()
    crop.image.save(stream, "PNG")
    picture = session.add_picture(inside.label, stream.getvalue(), crop.mpp)
    lines = [inside.doubt] if inside.doubt else []
    x, y = crop.l0_centre
    lines.append(
        f"H&E of {inside.label}, {counted(len(inside.rows), 'spot')}, on {slide.name}: a square of "
        f"{crop.side_um:.0f} um, about {crop.magnification:.2g}x ({crop.mpp:.2g} um per pixel), centred at x {x:.0f}, "
        f"y {y:.0f} of the slide."
    )
    if crop.magnification > 21:
        lines.append("Note: that is finer than the models see.")
    artifacts = list(inside.artifacts)
    if inside.regions:
        artifacts.append({"kind": "regions", "regions": [r.id for r in inside.regions]})
    artifacts.append({"kind": "image", "image": picture.id, "title": inside.label, "mpp": crop.mpp})
    return "\n".join(lines), artifacts
