"""What models there are, how they come here, and what this machine can run."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.shared import JsonOption, WorkspaceOption, runtime_of, settings_from, workspace_of
from settings import Settings
from terminal import errors_as_sentences, print_json, progress_bars, say

models = typer.Typer(invoke_without_command=True)


@models.callback()
def listing(context: typer.Context, as_json: JsonOption = False) -> None:
    """List every model: task, licence, dimension, where its weights are expected and whether they are here."""
    if context.invoked_subcommand is not None:
        return
    settings = settings_from()
    from models.registry import SETS, cards

    rows = [_row(card, settings) for card in cards()]
    if as_json:
        print_json(rows)
        return
    typer.echo(f"{'model':22} {'task':20} {'dim':>6}  {'input':>7}  {'weights':8} licence")
    for row in rows:
        um = f"{row['input_um']:g} um" if row["input_um"] else "-"
        state = "here" if row["here"] else "missing"
        gate = ", access on request" if row["gated"] else ""
        typer.echo(f"{row['name']:22} {row['task']:20} {row['dim']:>6}  {um:>7}  {state:8} {row['license']}{gate}")
        typer.echo(f"    {row['summary']}")
        for name, digest in row["sha256"].items():
            typer.echo(f"    {name}  sha256 {digest[:16]}...")
        if not row["here"]:
            typer.echo(f"    expected in {row['folder']}: {', '.join(row['missing'])}")
            typer.echo(f"    get: {row['how_to_get']}")
    typer.echo(f"Sets for --models: {', '.join(SETS)}")


def _row(card: Any, settings: Settings) -> dict[str, Any]:
    from tools.files import sha256_of_weights

    folder, present = card.folder(settings.models_dir), card.present(settings.models_dir)
    if any(path.stat().st_size > 1 << 30 for path in present):
        say(f"checksum of {card.name} ...")
    missing = card.missing(settings.models_dir)
    return card.as_dict() | {
        "here": not missing,
        "folder": str(folder),
        "missing": [path.name for path in missing],
        "how_to_get": card.how_to_get(settings.models_dir),
        "sha256": {str(path.relative_to(folder)): sha256_of_weights(path) for path in present},
    }


@models.command()
def convert(
    name: Annotated[str, typer.Argument(help="deepspot, cellwhisperer or spatialwhisperer.")],
    folder: Annotated[Path, typer.Argument(help="Folder with the released files.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; default: where the model is looked for.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write anew what is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read released pickles without executing them, and write safetensors and JSON."""
    settings = settings_from()
    with errors_as_sentences():
        from models.convert.convert import NAMES
        from models.convert.convert import convert as read_and_write
        from models.registry import model_class

        target = out or (model_class(name).card.folder(settings.models_dir) if name in NAMES else Path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        config = read_and_write(name, folder, target, replace=replace)
    if as_json:
        print_json({"name": name, "folder": str(target), "config": config})
    else:
        typer.echo(f"{name}: read {folder} without executing it, wrote {target}")


@models.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A model of the list.")],
    as_json: JsonOption = False,
) -> None:
    """Download weights from the Hugging Face hub into the folder where they are looked for."""
    settings = settings_from(hub=True)
    with errors_as_sentences():
        from models.card import ModelUnavailable
        from models.hub import fetch as download
        from models.registry import model_class

        card = model_class(name).card
        if settings.offline:
            raise ModelUnavailable(
                f"This machine is set to stay offline; bring the files by hand: {card.how_to_get(settings.models_dir)}."
            )
        files = download(card, settings.models_dir)
    if as_json:
        print_json({"name": name, "files": [str(path) for path in files]})
    else:
        typer.echo(f"{name}: {', '.join(str(path) for path in files)}")


def doctor(
    workspace: WorkspaceOption = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Also load every model that is here and read every file of the workspace.")
    ] = False,
    mend: Annotated[bool, typer.Option("--repair", help="Mend what --verify finds in the workspace.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what this machine can run now, what is missing, and what brings it."""
    settings = settings_from(workspace=workspace)
    from tools.doctor import Machine, examine

    server = None
    if settings.chat_model != "offline":
        server = settings.openai_base_url or "https://api.openai.com/v1"
    machine = Machine(
        settings.workspace, settings.demo_slide, settings.models_dir, settings.device, server, settings.chroma_url
    )
    if mend:
        _repair(settings)
    checks = examine(machine, verify=verify or mend)
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            mark = "ok " if check.ok else "NO " if check.needed else "-- "
            typer.echo(f"{mark} {check.name}: {check.found}")
            if not check.ok:
                typer.echo(f"    -> {check.cure}")
    if not all(check.ok for check in checks if check.needed):
        raise typer.Exit(2)


def _repair(settings: Settings) -> None:
    """Mend the workspace, and say on stderr what was done."""
    with errors_as_sentences():
        from tools.repair import repair
        from tools.verify import verify_workspace

        workspace = workspace_of(settings)
        verdicts = verify_workspace(workspace, settings.models_dir, settings.chroma_url)
        with progress_bars() as progress:
            done = repair(workspace, verdicts, runtime_of(settings), progress)
    for sentence in done:
        say(sentence)
