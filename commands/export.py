"""Files of a slide without a conversation: GeoJSON for QuPath, CSV, h5ad, a figure."""

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.shared import (
    DeviceOption,
    JsonOption,
    MppOption,
    SlideArgument,
    WorkspaceOption,
    open_or_prepare,
    settings_from,
)
from terminal import errors_as_sentences, print_json
from tools.errors import ToolError

KINDS = (".geojson", ".csv", ".h5ad", ".png")


def export(
    slide: SlideArgument,
    out: Annotated[Path, typer.Option(help="File; its ending says what is written: .geojson, .csv, .h5ad, .png.")],
    query: Annotated[list[str] | None, typer.Option(help="Phrase to map and outline; repeatable.")] = None,
    gene: Annotated[list[str] | None, typer.Option(help="Gene to map; repeatable.")] = None,
    mpp: MppOption = None,
    device: DeviceOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write maps and outlines of a slide to a file (a figure shows the first map)."""
    settings = settings_from(workspace=workspace, device=device)
    with errors_as_sentences():
        if out.suffix.lower() not in KINDS:
            raise ToolError(f"What should be written to {out.name}? Endings: {', '.join(KINDS)}.")
        from agent.session import Session
        from agent.toolbox.running import run_tool
        from agent.toolbox.words import basis
        from commands.shared import runtime_of, workspace_of

        prepared = open_or_prepare(settings, slide, mpp)
        session = Session(workspace_of(settings), slide=prepared, opened=prepared.name, runtime=runtime_of(settings))
        said = [run_tool(session, "show_gene", {"genes": [name]})[0] for name in gene or []]
        said += [run_tool(session, "highlight_region", {"query": words})[0] for words in query or []]
        _write(out, prepared, list(session.layers.values()), list(session.regions.values()), basis(prepared))
    if as_json:
        print_json({"slide": prepared.name, "file": str(out), "bytes": out.stat().st_size, "said": said})
    else:
        for words in said:
            typer.echo(words.splitlines()[0])
        typer.echo(str(out))


def _write(out: Path, prepared: Any, layers: list[Any], regions: list[Any], caption: str) -> None:
    from tools import export as files

    kind = out.suffix.lower()
    if kind == ".geojson":
        if not regions and not layers:
            raise ToolError("There is nothing to write; give --query or --gene.")
        files.write_geojson(out, prepared.name, prepared.spots, regions, () if regions else layers)
    elif kind == ".csv":
        files.write_csv(out, files.spot_table(prepared, regions, layers))
    elif kind == ".h5ad":
        files.write_h5ad(out, prepared, regions, layers)
    else:
        shown = [region for region in regions if layers and region.query == layers[0].title]
        files.write_png(out, prepared, layers[0] if layers else None, shown, caption)
