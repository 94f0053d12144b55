"""Judging zero-shot annotation on labelled slides."""

from pathlib import Path
from typing import Annotated

import click
import typer
from typer.core import TyperGroup

from commands.benchmark_agent import agent
from commands.benchmark_expression import expression
from commands.benchmark_labels import labels as label_spots
from commands.benchmark_shared import (
    DataOption,
    DrawsOption,
    HeldOutOption,
    OutOption,
    RetrainOption,
    SeedOption,
    place_of,
    repeat_of,
    roads_of,
)
from commands.shared import DeviceOption, JsonOption, WorkspaceOption, settings_from
from terminal import errors_as_sentences, print_json, progress_bars
from tools.errors import ToolError


class _RunByDefault(TyperGroup):
    """`benchmark her2st` means `benchmark run her2st`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `run` in front of what is no command of the group."""
        if args and args[0] not in self.commands and args[0] not in ("--help",):
            args = ["run", *args]
        return super().parse_args(ctx, args)


benchmark = typer.Typer(
    cls=_RunByDefault, no_args_is_help=True, help="Evaluate zero-shot annotation on labelled slides, beside floors."
)


@benchmark.command("run")
def run(
    targets: Annotated[
        list[str] | None, typer.Argument(help="Ready benchmarks by name, YAML files, or a folder of data sets.")
    ] = None,
    data: DataOption = Path(),
    out: OutOption = None,
    held_out: HeldOutOption = None,
    retrain: RetrainOption = False,
    slide: Annotated[Path | None, typer.Option(help="Without a YAML: one slide.")] = None,
    spots: Annotated[Path | None, typer.Option(help="Its spots: Space Ranger folder, h5ad or CSV.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Its labels: h5ad, CSV, or GeoJSON of QuPath.")] = None,
    column: Annotated[str, typer.Option(help="Column of the labels.")] = "label",
    query: Annotated[list[str] | None, typer.Option(help="'label=query', once for each label.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="A label to leave out.")] = None,
    measured: Annotated[Path | None, typer.Option(help="Its measured counts, an h5ad.")] = None,
    mpp: Annotated[float | None, typer.Option(help="Microns per pixel.")] = None,
    models: Annotated[str | None, typer.Option(help="Model set.")] = None,
    draws: DrawsOption = 500,
    seed: SeedOption = 0,
    device: DeviceOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run benchmarks and write a report for each: tables, figures, maps, and a reading in words."""
    settings = settings_from(workspace=workspace, models=models, device=device)
    with errors_as_sentences():
        from tools.benchmark.choose import OneSlide, from_flags, ready_in
        from tools.benchmark.config import read_config
        from tools.benchmark.overview import write_overview
        from tools.benchmark.run import run as run_one

        if slide is not None:
            given = OneSlide(slide, spots, labels, column, query or [], exclude or [], measured, mpp)
            configs, data = [from_flags(given)], Path()
        elif targets and len(targets) == 1 and Path(targets[0]).is_dir():
            data, names = ready_in(Path(targets[0]))
            configs = [read_config(name) for name in names]
        else:
            configs = [read_config(name) for name in targets or []]
        if not configs:
            raise ToolError("Give a ready benchmark, a YAML, a folder of data sets, or --slide, --labels and --query.")
        place, repeat = place_of(settings, data, out), repeat_of(configs, held_out, seed, draws)
        with progress_bars() as progress:
            roads = roads_of(settings, data, held_out, configs, retrain, progress, seed)
            results = [run_one(config, place, roads, repeat) for config in configs]
        if slide is None:
            write_overview(place.out, [config.name for config in configs])
    if as_json:
        print_json(results if len(results) > 1 else results[0])
    else:
        for result in results:
            typer.echo(f"{result['name']}: {result['folder']}/README.md and report.html")


@benchmark.command("list")
def list_ready(as_json: JsonOption = False) -> None:
    """The ready benchmarks."""
    from tools.benchmark.config import read_config, ready

    rows = [{"name": name, "title": read_config(name).title, "source": read_config(name).source} for name in ready()]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            typer.echo(f"{row['name']:16} {row['title']}\n{'':16} {row['source']}")


benchmark.command("expression")(expression)
benchmark.command("labels")(label_spots)
benchmark.command("agent")(agent)
