"""Bringing slides through every stage."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.shared import (
    DeviceOption,
    JsonOption,
    MppOption,
    WorkspaceOption,
    run_prepare,
    settings_from,
    workspace_of,
)
from settings import Settings
from terminal import errors_as_sentences, print_json
from tools.errors import SlideError

if TYPE_CHECKING:
    from tools.prepared import PreparedSlide


def prepare(
    slides: Annotated[list[str], typer.Argument(help="Slides, Space Ranger folders, or 'demo'.")],
    mpp: MppOption = None,
    spots: Annotated[Path | None, typer.Option(help="Given spots: Space Ranger folder, h5ad or CSV.")] = None,
    spot_um: Annotated[float, typer.Option(help="Spot diameter in um.")] = 55.0,
    pitch_um: Annotated[
        float | None, typer.Option(help="Distance of spots in um; default 100, small tissue 50.")
    ] = None,
    layout: Annotated[str, typer.Option(help="hex or square.")] = "hex",
    models: Annotated[str | None, typer.Option(help="Model set.")] = None,
    device: DeviceOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring slides through every stage: spots, tile embeddings, expression, joint embedding, index."""
    settings = settings_from(workspace=workspace, models=models, device=device)
    with errors_as_sentences():
        from tools.workspace import PrepareOptions

        if layout not in ("hex", "square"):
            raise SlideError(f"There is no layout '{layout}'; known: hex, square.")
        options = PrepareOptions(mpp, spots, spot_um, pitch_um, layout, settings.models)  # type: ignore[arg-type]
        results = [_prepared_json(run_prepare(settings, slide, options), settings) for slide in slides]
    if as_json:
        print_json(results if len(results) > 1 else results[0])
    else:
        for result in results:
            typer.echo(f"{result['slide']}: {result['spots']} spots x {result['genes']} genes in {result['folder']}")


def _prepared_json(prepared: "PreparedSlide", settings: Settings) -> dict[str, Any]:
    return {
        "slide": prepared.name,
        "spots": len(prepared.spots),
        "genes": prepared.adata.n_vars,
        "folder": str(workspace_of(settings).folder(prepared.name)),
        "mpp": prepared.mpp,
        "models": dict(prepared.provenance["models"]),
    }
