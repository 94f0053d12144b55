"""The tool that writes files: GeoJSON for QuPath, tables, figures, a report of the conversation."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from langchain.tools import ToolRuntime, tool
from PIL import Image

from agent.events import Artifact
from agent.session import Layer, Session, Turn
from agent.toolbox.errors import told
from agent.toolbox.places import prepared_slide
from agent.toolbox.words import basis, counted
from tools import export
from tools.errors import ToolError
from tools.prepared import PreparedSlide, load_prepared
from tools.regions import Region

Kind = Literal["geojson", "csv", "h5ad", "png", "html"]
ENDINGS: dict[str, Kind] = {".geojson": "geojson", ".json": "geojson", ".csv": "csv", ".h5ad": "h5ad", ".png": "png"}
ENDINGS |= {".html": "html", ".htm": "html"}
FOLDER = "exports"
REPORT_PX = 1100


@tool(response_format="content_and_artifact", parse_docstring=True)
def export_result(runtime: ToolRuntime[Session], kind: Kind = "geojson", path: str = "") -> tuple[str, list[Artifact]]:
    """Write what is shown to a file in the workspace's folder "exports".

    Args:
        kind: "geojson" for QuPath; "csv" spots with scores; "h5ad" for scanpy; "png" a figure; "html" a report.
        path: A file name; leave out for one that tells slide and content.
    """
    session = runtime.context
    slide = None if kind == "html" and session.turns else prepared_slide(session)
    target = _target(session, kind, path)
    with told():
        words = _WRITERS[kind](session, slide, target)
    size = target.stat().st_size
    session.written.append(target.name)
    artifact: Artifact = {"kind": "file", "path": str(target), "name": target.name, "format": kind, "bytes": size}
    return f"{words} File: {target} ({max(1, round(size / 1000)):,} kB).", [artifact]


def _target(session: Session, kind: Kind, path: str) -> Path:
    """A new file in the exports folder; only the last part of `path` counts, and nothing is overwritten."""
    folder = session.workspace.root / FOLDER
    name = session.slide.name if session.slide else "conversation"
    wanted = Path(path.strip().replace("\\", "/")).name or f"{name}-{_content(session, kind)}"
    stem = Path(wanted).stem if Path(wanted).suffix.lower() in ENDINGS else wanted
    stem = "".join(c if c.isalnum() or c in "._- " else "_" for c in stem).strip(". ")[:80] or name
    number, target = 1, folder / f"{stem}.{kind}"
    while target.exists():
        number += 1
        target = folder / f"{stem}-{number}.{kind}"
    return target


def _content(session: Session, kind: Kind) -> str:
    """What the file is about, for its name."""
    if kind == "html":
        return "report"
    layer, regions = session.on_show()
    titles = list(dict.fromkeys(region.query for region in regions))
    titles = titles or [layer.title if layer and kind == "png" else "regions" if kind == "geojson" else "spots"]
    return "_".join("-".join(title.split()) for title in titles)[:50].lower()


def _geojson(session: Session, slide: PreparedSlide | None, target: Path) -> str:
    assert slide is not None
    layer, shown = session.on_show()
    regions = shown or tuple(session.regions.values())
    with_spots = [layer] if layer is not None and (layer.kind == "category" or not regions) else []
    if not regions and not with_spots:
        raise ToolError("There is nothing to export yet: outline a region first, such as the epidermis.")
    export.write_geojson(target, slide.name, slide.spots, regions, with_spots)
    what = [counted(len(regions), "region") + " as annotations"] if regions else []
    what += [f"{counted(len(slide.spots), 'spot')} with {layer.title} as detections"] if with_spots and layer else []
    return f"Wrote {' and '.join(what)} for QuPath (drag the file onto the open image)."


def _csv(session: Session, slide: PreparedSlide | None, target: Path) -> str:
    assert slide is not None
    layers, regions = _layers(session, slide), tuple(session.regions.values())
    export.write_csv(target, export.spot_table(slide, regions, layers))
    maps = f", {counted(len(layers), 'map')}" if layers else ""
    inside = f" and {counted(len(regions), 'region')}" if regions else ""
    return f"Wrote a table of {counted(len(slide.spots), 'spot')} with their places{maps}{inside}."


def _h5ad(session: Session, slide: PreparedSlide | None, target: Path) -> str:
    assert slide is not None
    layers, regions = _layers(session, slide), tuple(session.regions.values())
    export.write_h5ad(target, slide, regions, layers)
    return (
        f"Wrote {counted(len(slide.spots), 'spot')} x {slide.adata.n_vars:,} genes with "
        f"{counted(len(layers), 'map')} and {counted(len(regions), 'region')} in obs; opens in scanpy and squidpy."
    )


def _png(session: Session, slide: PreparedSlide | None, target: Path) -> str:
    assert slide is not None
    layer, regions = session.on_show()
    export.write_png(target, slide, layer, regions, basis(slide))
    shown = layer.title if layer else "the tissue"
    return f"Wrote a figure of {shown} with {counted(len(regions), 'outline')}, scale bar and legend (300 dpi)."


def _html(session: Session, _slide: PreparedSlide | None, target: Path) -> str:
    if not session.turns:
        raise ToolError("There is nothing to report yet; ask something about a slide first.")
    export.write_report(target, report_of(session))
    return f"Wrote a report of {counted(len(session.turns), 'question')} with figures and tables."


_WRITERS: dict[str, Callable[[Session, PreparedSlide | None, Path], str]] = {
    "geojson": _geojson, "csv": _csv, "h5ad": _h5ad, "png": _png, "html": _html,
}  # fmt: skip


def _layers(session: Session, slide: PreparedSlide) -> list[Layer]:
    """Every map of the open slide, one a title."""
    mine = [layer for layer in session.layers.values() if layer.slide == slide.name]
    fitting = [layer for layer in mine if len(layer.values) == len(slide.spots)]
    return list({(layer.kind, layer.title): layer for layer in fitting}.values())


def report_of(session: Session) -> export.Report:
    """The conversation so far, as `tools.export.report_html` takes it."""
    names = list(dict.fromkeys(turn.slide for turn in session.turns if turn.slide))
    facts = [f"{slide.name}: {basis(slide)}" for name in names if (slide := _prepared(session, name)) is not None]
    turns = [_reported(session, turn) for turn in session.turns]
    return export.Report(f"Conversation about {', '.join(names) or 'slides'}", facts, turns)


def _reported(session: Session, turn: Turn) -> export.ReportTurn:
    slide = _prepared(session, turn.slide) if turn.slide else None
    pictures, tables = [], []
    if slide is not None and (turn.layer is not None or turn.regions):
        pictures.append(_figure(slide, turn.layer, turn.regions))
    for call in turn.calls:
        for artifact in call.artifacts:
            if artifact["kind"] == "image" and artifact["image"] in session.pictures:
                picture = session.pictures[artifact["image"]]
                pictures.append(export.ReportPicture(Image.open(io.BytesIO(picture.png)), f"H&E of {picture.title}"))
            elif artifact["kind"] in ("genes", "terms", "clusters", "composition", "relation") and artifact["rows"]:
                tables.append(export.ReportTable(_caption(artifact), artifact["rows"]))
    steps = [(f"{c.tool}({', '.join(f'{k}={v!r}' for k, v in c.args.items())})", c.words) for c in turn.calls]
    return export.ReportTurn(turn.question, turn.answer, steps, pictures, tables)


def _figure(slide: PreparedSlide, layer: Layer | None, regions: tuple[Region, ...]) -> export.ReportPicture:
    fits = layer if layer is not None and len(layer.values) == len(slide.spots) else None
    caption = f"{fits.title if fits else 'Outlines'} on {slide.name}. {basis(slide)}"
    return export.ReportPicture(export.figure(slide, fits, regions, max_px=REPORT_PX), caption)


def _caption(artifact: Artifact) -> str:
    if artifact["kind"] in ("genes", "terms"):
        return f"{artifact['kind'].capitalize()} of {artifact['region']} against {artifact['versus']}"
    if artifact["kind"] == "relation":
        return f"From {artifact['a']} (A) to {artifact['b']} (B)"
    return "Clusters" if artifact["kind"] == "clusters" else "Composition"


def _prepared(session: Session, name: str | None) -> PreparedSlide | None:
    """A slide that was talked about, where it is still prepared."""
    if name is None or name not in {s.name for s in session.workspace.slides() if s.state == "prepared"}:
        return None
    return load_prepared(session.workspace, name, session.runtime.device, session.runtime.models_dir)
