"""Numbers about one slide, or about all of them."""

import csv
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from commands.shared import (
    DeviceOption,
    JsonOption,
    MppOption,
    SlideArgument,
    WorkspaceOption,
    open_or_prepare,
    runtime_of,
    settings_from,
    workspace_of,
)
from terminal import errors_as_sentences, print_json


def score(
    slide: Annotated[str, typer.Argument(help="Slide, or an h5ad of measured counts.")],
    queries: Annotated[list[str], typer.Argument(help="Phrases.")],
    minus: Annotated[str | None, typer.Option(help="Phrase whose score is subtracted.")] = None,
    scorer: Annotated[
        str | None,
        typer.Option(help="molecular, image-text, fused (default if the slide has both), or a model by name."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="CSV file; stdout otherwise.")] = None,
    mpp: MppOption = None,
    device: DeviceOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Score every spot for phrases, as CSV: spot, x, y, <query>... (SDs of unrelated phrases)."""
    settings = settings_from(workspace=workspace, device=device)
    with errors_as_sentences():
        from tools.files import atomic
        from tools.measured import open_measured
        from tools.score import scorer_for

        asked = scorer_for(scorer, measured=slide.endswith(".h5ad"))
        if slide.endswith(".h5ad"):
            prepared = open_measured(Path(slide), settings.models, settings.device, settings.models_dir)
        else:
            prepared = open_or_prepare(settings, slide, mpp)
        columns = [prepared.text_scores(query, minus, asked) for query in queries]
        rows = [
            [spot, f"{x:.1f}", f"{y:.1f}", *(f"{column[i]:.4f}" for column in columns)]
            for i, (spot, (x, y)) in enumerate(zip(prepared.spots.ids, prepared.spots.l0_xy, strict=True))
        ]
        table = [["spot", "x", "y", *queries], *rows]
        if out is None:
            csv.writer(sys.stdout).writerows(table)
        else:
            with atomic(out) as part, part.open("w", newline="", encoding="utf-8") as stream:
                csv.writer(stream).writerows(table)


def genes(
    slide: SlideArgument,
    region: Annotated[str, typer.Option(help="The region in words, such as 'epidermis'.")],
    versus: Annotated[str | None, typer.Option(help="Another region in words; default: the rest.")] = None,
    top: Annotated[int, typer.Option(min=1)] = 20,
    mpp: MppOption = None,
    device: DeviceOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Marker genes of a region."""
    settings = settings_from(workspace=workspace, device=device)
    with errors_as_sentences():
        from tools.genes import top_genes
        from tools.regions import rows_of

        prepared = open_or_prepare(settings, slide, mpp)
        rows = rows_of(prepared.text_scores(region), prepared.spots, region)
        others = rows_of(prepared.text_scores(versus), prepared.spots, versus) if versus else None
        found = [asdict(stat) for stat in top_genes(prepared.adata, rows, others, top)]
    if as_json:
        print_json(found)
    else:
        for stat in found:
            typer.echo(
                "{gene:12} log2FC {log2fc:5.2f}  AUROC {auroc:.2f}  p {p_adj:.1e}  r {reliability:.2f}".format(**stat)
            )


def search(
    query: Annotated[str, typer.Argument(help="Phrase to look for in all slides.")],
    top: Annotated[int, typer.Option(min=1, help="How many spots.")] = 10,
    device: DeviceOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the spots that match best across the workspace."""
    settings = settings_from(workspace=workspace, device=device)
    with errors_as_sentences():
        from tools.search import search_workspace

        hits = search_workspace(workspace_of(settings), query, top, settings.models, runtime_of(settings))
    if as_json:
        print_json([asdict(hit) for hit in hits])
    else:
        for hit in hits:
            typer.echo(f"{hit.score:6.3f}  {hit.slide}  spot {hit.spot}  at x {hit.x:.0f}, y {hit.y:.0f}")
