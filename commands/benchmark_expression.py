"""Judging predicted expression."""

from pathlib import Path
from typing import Annotated

import typer

from commands.benchmark_shared import DataOption, HeldOutOption, RetrainOption, SeedOption, place_of, roads_of
from commands.shared import DeviceOption, JsonOption, WorkspaceOption, settings_from
from terminal import errors_as_sentences, print_json, progress_bars, say
from tools.errors import ToolError


def expression(
    target: Annotated[str, typer.Argument(help="A ready benchmark or a YAML whose samples have measured expression.")],
    data: DataOption = Path(),
    held_out: HeldOutOption = None,
    retrain: RetrainOption = False,
    write: Annotated[
        bool, typer.Option("--write-reliability", help="Write r per gene into the predictor's genes.csv.")
    ] = False,
    per_gene: Annotated[Path | None, typer.Option(help="CSV of r per sample, predictor and gene.")] = None,
    seed: SeedOption = 0,
    device: DeviceOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Predicted against measured expression: Pearson r per gene, beside a mean, colours and a ridge."""
    settings = settings_from(workspace=workspace, device=device)
    with errors_as_sentences():
        from tools.benchmark import tables
        from tools.benchmark.config import read_config
        from tools.benchmark.expression_quality import expression_quality, gene_rows, write_reliability
        from tools.benchmark.run import teachers_of, write_csv
        from tools.benchmark.samples import read_samples

        config = read_config(target)
        place = place_of(settings, data, None)
        with progress_bars() as progress:
            roads = roads_of(settings, data, held_out, [config], retrain, progress, seed)
            samples = read_samples(config, place.data, place.work)
            found = expression_quality(samples, teachers_of(config, samples, place), roads)
        if not found:
            raise ToolError(f"No sample of {config.name} has both a slide and measured expression.")
        if per_gene is not None:
            write_csv(per_gene, gene_rows(found))
        if write:
            say(f"Reliability of {write_reliability(found, roads)} genes written.")
    if as_json:
        print_json(tables.quality_rows(found))
    else:
        typer.echo(tables.quality_table(found))
