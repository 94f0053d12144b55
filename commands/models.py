"""What models there are, and what this machine can run."""

from dataclasses import asdict

import typer

from commands.shared import JsonOption, WorkspaceOption, settings_from
from terminal import print_json


def models(as_json: JsonOption = False) -> None:
    """List every model: task, licence, dimension, and whether its weights are here."""
    settings = settings_from()
    from models.registry import cards

    rows = [card.as_dict() | {"here": not card.missing(settings.models_dir)} for card in cards()]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            here = "here" if row["here"] else "missing"
            typer.echo(f"{row['name']:18} {row['task']:21} {row['dim']:>6}  {here:8} {row['license']}")
            typer.echo(f"{'':18} {row['summary']}")


def doctor(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Say what this machine can run now, what is missing, and what brings it."""
    settings = settings_from(workspace=workspace)
    from tools.doctor import examine

    checks = examine(settings.workspace, settings.demo_slide, settings.models_dir, settings.device)
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            typer.echo(f"{'ok ' if check.ok else 'NO '} {check.name}: {check.found}")
            if not check.ok:
                typer.echo(f"    -> {check.cure}")
    if not all(check.ok for check in checks if check.needed):
        raise typer.Exit(2)
