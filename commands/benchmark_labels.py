"""Labels of cell types for measured spots."""

from pathlib import Path
from typing import Annotated

import typer

from commands.benchmark_shared import SeedOption
from commands.shared import JsonOption, settings_from
from settings import Settings
from terminal import errors_as_sentences, print_json, say


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


def _genes_of(name: str, settings: Settings) -> tuple[str, ...]:
    from models.registry import load

    genes: tuple[str, ...] = load(name, "cpu", settings.models_dir).genes
    return genes
