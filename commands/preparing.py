"""Bringing slides through every stage."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.cohort import Engine, prepare_cohort
from commands.shared import (
    CompileOption,
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
    slides: Annotated[
        list[str],
        typer.Argument(help="Slides, Space Ranger folders, 'demo'; or many: a folder of slides, or a CSV of them."),
    ],
    mpp: MppOption = None,
    spots: Annotated[Path | None, typer.Option(help="Given spots: Space Ranger folder, h5ad or CSV.")] = None,
    spot_um: Annotated[float, typer.Option(help="Spot diameter in um.")] = 55.0,
    pitch_um: Annotated[
        float | None, typer.Option(help="Distance of spots in um; default 100, small tissue 50.")
    ] = None,
    layout: Annotated[str, typer.Option(help="hex or square.")] = "hex",
    models: Annotated[str | None, typer.Option(help="Model set.")] = None,
    device: DeviceOption = None,
    compile: CompileOption = None,
    workspace: WorkspaceOption = None,
    engine: Annotated[str, typer.Option(help="local, or ray.")] = "local",
    workers: Annotated[int | None, typer.Option(min=1, help="Slides at a time on this machine.")] = None,
    address: Annotated[str | None, typer.Option(help="Ray: address of a running cluster, or auto.")] = None,
    encoders: Annotated[int | None, typer.Option(min=1, help="Ray: default one a GPU, or a node.")] = None,
    gpus_per_encoder: Annotated[float | None, typer.Option(min=0, help="Ray: default 1 where there are GPUs.")] = None,
    cpus_per_encoder: Annotated[float | None, typer.Option(min=0, help="Ray: cores of an encoder.")] = None,
    slides_per_encoder: Annotated[int, typer.Option(min=1, help="Ray: slides that read for one encoder.")] = 2,
    chroma_url: Annotated[str | None, typer.Option(help="Chroma server for the index of all slides.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring slides through every stage: spots, tile embeddings, expression, joint embedding, index.

    Of many slides (a folder, a CSV with the columns slide, mpp, name, ...) each has its turn whatever becomes of the
    others; a table of them all is printed at the end and kept in the workspace as cohort.csv.
    """
    settings = settings_from(workspace=workspace, models=models, device=device, chroma_url=chroma_url, compile=compile)
    with errors_as_sentences():
        from tools.manifest import is_cohort
        from tools.workspace import PrepareOptions

        if layout not in ("hex", "square"):
            raise SlideError(f"There is no layout '{layout}'; known: hex, square.")
        options = PrepareOptions(mpp, spots, spot_um, pitch_um, layout, settings.models)  # type: ignore[arg-type]
        where = Engine(engine, workers or 1, address, encoders, gpus_per_encoder, cpus_per_encoder, slides_per_encoder)
        home = workspace_of(settings)
        if engine != "local" or workers is not None or any(is_cohort(slide, home) for slide in slides):
            return prepare_cohort(settings, slides, options, where, as_json)
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
