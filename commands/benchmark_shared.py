"""What the commands of the benchmark share: options, places, roads."""

from pathlib import Path
from typing import Annotated, Any

import typer

from settings import Settings
from terminal import say

DataOption = Annotated[Path, typer.Option(help="Folder that holds the data sets.")]
OutOption = Annotated[Path | None, typer.Option(help="Where reports go; default: benchmark/ in the workspace.")]
HeldOutOption = Annotated[
    Path | None, typer.Option("--held-out", help="Folder of weights per held-out patient; trained if they are missing.")
]
RetrainOption = Annotated[bool, typer.Option(help="Train the held-out weights again.")]
SeedOption = Annotated[int, typer.Option(help="Of chance, bootstrap and UMAP.")]
DrawsOption = Annotated[int, typer.Option(min=0, help="Bootstrap draws.")]


def place_of(settings: Settings, data: Path, out: Path | None) -> Any:
    """Where data is, what is kept between runs, and where reports go."""
    from tools.benchmark.run import Place

    root = settings.workspace.resolve() / "benchmark"
    return Place(data.resolve(), root / "work", (out or root / "reports").resolve())


def roads_of(
    settings: Settings, data: Path, held_out: Path | None, configs: list[Any], retrain: bool, progress: Any, seed: int
) -> Any:
    """How samples come to scores; held-out weights are trained first where they are missing."""
    from tools.benchmark.folds import TEACHERS, fold, patients_of, train_folds
    from tools.benchmark.roads import Roads

    folds = {}
    if held_out is not None:
        wanted = [patient for patient in TEACHERS if any(patient in patients_of(config) for config in configs)]
        absent = [patient for patient in wanted if retrain or fold(held_out, patient) is None]
        if absent:
            say(f"Training without {', '.join(absent)} first; the weights are kept in {held_out}.")
            train_folds(data, held_out, absent, seed)
        folds = {patient: found for patient in wanted if (found := fold(held_out.resolve(), patient)) is not None}
    work = settings.workspace.resolve() / "benchmark" / "work"
    return Roads(work, settings.models, settings.device, settings.models_dir, folds, progress=progress)


def repeat_of(configs: list[Any], held_out: Path | None, seed: int, draws: int) -> Any:
    """The command that repeats this run, without a folder of this machine."""
    from tools.benchmark.provenance import Repeat

    names = " ".join(config.name for config in configs)
    held = " --held-out FOLDS" if held_out is not None else ""
    return Repeat(f"python app.py benchmark {names} --data DATA{held} --seed {seed} --draws {draws}", seed, draws)
