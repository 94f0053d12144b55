"""Judging zero-shot annotation on labelled slides."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import click
import typer
from typer.core import TyperGroup

from commands.shared import DeviceOption, JsonOption, WorkspaceOption, settings_from
from terminal import errors_as_sentences, print_json, progress_bars, say
from tools.errors import ToolError

DataOption = Annotated[Path, typer.Option(help="Folder that holds the data sets.")]
OutOption = Annotated[Path | None, typer.Option(help="Where reports go; default: benchmark/ in the workspace.")]
HeldOutOption = Annotated[
    Path | None, typer.Option("--held-out", help="Folder of weights per held-out patient; trained if they are missing.")
]
RetrainOption = Annotated[bool, typer.Option(help="Train the held-out weights again.")]
SeedOption = Annotated[int, typer.Option(help="Of chance, bootstrap and UMAP.")]
DrawsOption = Annotated[int, typer.Option(min=0, help="Bootstrap draws.")]


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
        place, repeat = _place(settings, data, out), _repeat(configs, held_out, seed, draws)
        with progress_bars() as progress:
            roads = _roads(settings, data, held_out, configs, retrain, progress, seed)
            results = [run_one(config, place, roads, repeat) for config in configs]
        if slide is None:
            write_overview(place.out, [config.name for config in configs])
    if as_json:
        print_json(results if len(results) > 1 else results[0])
    else:
        for result in results:
            typer.echo(f"{result['name']}: {result['folder']}/README.md and report.html")


@benchmark.command("expression")
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
        place = _place(settings, data, None)
        with progress_bars() as progress:
            roads = _roads(settings, data, held_out, [config], retrain, progress, seed)
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


@benchmark.command("labels")
def labels(
    measured: Annotated[Path, typer.Argument(help="h5ad of measured spots, or a table of proportions.")],
    reference: Annotated[
        Path | None, typer.Option(help="h5ad of cells of known type, such as the Human Lung Cell Atlas.")
    ] = None,
    column: Annotated[str, typer.Option(help="obs column of the reference's types.")] = "ann_level_1",
    classes: Annotated[
        Path | None, typer.Option(help="YAML or JSON: class -> types (or columns of proportions) that belong to it.")
    ] = None,
    genes: Annotated[
        str | None, typer.Option(help="Predictor whose genes are used, as in the paper; 'all' for every shared gene.")
    ] = "starter-deepspot",
    cells: Annotated[int, typer.Option(min=10, help="At most so many reference cells of each class.")] = 2000,
    out: Annotated[Path, typer.Option(help="CSV: barcode, label, probabilities.")] = Path("labels.csv"),
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Give measured spots a cell type: by logistic regression on a reference, or the dominant class of proportions."""
    settings = settings_from()
    with errors_as_sentences():
        from tools.benchmark.labelling import Teaching, label_by_proportions, label_by_reference

        if reference is None:
            facts = label_by_proportions(measured, classes, out)
        else:
            names = None if genes in (None, "all") else _genes_of(genes, settings)
            teaching = Teaching(reference, column, classes, names, cells, seed)
            facts = label_by_reference(measured, teaching, out)
    if as_json:
        print_json(facts)
    else:
        typer.echo(f"{facts['spots']} spots in {out}: {', '.join(f'{k} {n}' for k, n in facts['labels'].items())}")
        if "accuracy" in facts:
            say(f"{facts['genes']} genes; accuracy on the reference in five folds {facts['accuracy']:.3f}")


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


def _place(settings: Any, data: Path, out: Path | None) -> Any:
    from tools.benchmark.run import Place

    root = settings.workspace.resolve() / "benchmark"
    return Place(data.resolve(), root / "work", (out or root / "reports").resolve())


def _roads(
    settings: Any, data: Path, held_out: Path | None, configs: list[Any], retrain: bool, progress: Any, seed: int
) -> Any:
    """How samples come to scores; held-out weights are trained first where they are missing."""
    from tools.benchmark.folds import TEACHERS, fold, patients_of, train_folds
    from tools.benchmark.roads import Roads

    folds = {}
    if held_out is not None:
        wanted = [patient for patient in TEACHERS if any(patient in patients_of(config) for config in configs)]
        absent = [patient for patient in wanted if retrain or fold(held_out, patient) is None]
        if absent:
            say(f"Training without {', '.join(absent)}, some fifteen minutes each on two cores; kept in {held_out}.")
            train_folds(data, held_out, absent, seed)
        folds = {patient: found for patient in wanted if (found := fold(held_out.resolve(), patient)) is not None}
    work = settings.workspace.resolve() / "benchmark" / "work"
    return Roads(work, settings.models, settings.device, settings.models_dir, folds, progress=progress)


def _repeat(configs: list[Any], held_out: Path | None, seed: int, draws: int) -> Any:
    from tools.benchmark.provenance import Repeat

    names = " ".join(config.name for config in configs)
    held = " --held-out FOLDS" if held_out is not None else ""
    return Repeat(f"python app.py benchmark {names} --data DATA{held} --seed {seed} --draws {draws}", seed, draws)


def _genes_of(name: str, settings: Any) -> tuple[str, ...]:
    from models.registry import load

    genes: tuple[str, ...] = load(name, "cpu", settings.models_dir).genes
    return genes


if find_spec("commands.benchmark_agent") is not None:
    from commands.benchmark_agent import agent

    benchmark.command("agent")(agent)
