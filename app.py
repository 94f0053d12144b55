"""The one command line: serve (default), prepare, ask, score, genes, search, models, train, doctor.

Progress goes to stderr, results to stdout. Exit codes: 0 done; 2 the person's input or a missing model, one sentence on
stderr; 1 our bug.
"""

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.card import WEIGHTS
from settings import Settings, apply_environment
from terminal import errors_as_sentences, print_json, progress_bars, say
from tools.errors import SlideError, ToolError

if TYPE_CHECKING:
    from agent.events import Event
    from tools.prepared import PreparedSlide
    from tools.workspace import Workspace

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)

WorkspaceOption = Annotated[Path | None, typer.Option("--workspace", help="Folder of prepared slides.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
SlideArgument = Annotated[str, typer.Argument(help="Name in the workspace, path of a slide, or 'demo'.")]
MppOption = Annotated[float | None, typer.Option(help="Microns per pixel, where the slide does not store them.")]
DeviceOption = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps or auto.")]
ChatOption = Annotated[str | None, typer.Option(help="offline, or openai/<model> with OPENAI_API_KEY.")]


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """Talk to an H&E slide. Without a command, the page is served."""
    if context.invoked_subcommand is None:
        serve()


@app.command()
def serve(
    workspace: WorkspaceOption = None,
    host: Annotated[str | None, typer.Option()] = None,
    port: Annotated[int | None, typer.Option()] = None,
    chat_model: ChatOption = None,
) -> None:
    """Serve the page at http://127.0.0.1:7860."""
    settings = _settings(workspace=workspace, host=host, port=port, chat_model=chat_model)
    with errors_as_sentences():
        from viewer.server import PageError
        from viewer.server import serve as serve_page

        say(f"Loading; the page will be at http://{settings.host}:{settings.port} (stop it with Ctrl+C)")
        try:
            serve_page(settings)
        except PageError as error:
            raise SlideError(str(error)) from error


@app.command()
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
    settings = _settings(workspace=workspace, models=models, device=device)
    with errors_as_sentences():
        from tools.workspace import PrepareOptions

        if layout not in ("hex", "square"):
            raise SlideError(f"There is no layout '{layout}'; known: hex, square.")
        options = PrepareOptions(mpp, spots, spot_um, pitch_um, layout, settings.models)  # type: ignore[arg-type]
        results = [_prepared_json(_prepare(settings, slide, options), settings) for slide in slides]
    if as_json:
        print_json(results if len(results) > 1 else results[0])
    else:
        for result in results:
            typer.echo(f"{result['slide']}: {result['spots']} spots x {result['genes']} genes in {result['folder']}")


@app.command()
def ask(
    slide: SlideArgument,
    question: Annotated[str | None, typer.Argument(help="What you want to know.")] = None,
    script: Annotated[Path | None, typer.Option(help="A conversation: one question a line.")] = None,
    mpp: MppOption = None,
    chat_model: ChatOption = None,
    device: DeviceOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask about a slide: one question, or a whole conversation from a file."""
    settings = _settings(workspace=workspace, chat_model=chat_model, device=device)
    with errors_as_sentences():
        questions = _questions(question, script)
        from agent import chat_models
        from agent.loop import Conversation
        from agent.session import Session

        chat_models.build(settings)  # a wrong name is refused before a slide is prepared
        prepared = _open_or_prepare(settings, slide, mpp)
        conversation = Conversation(Session(_workspace(settings), slide=prepared), settings)
        turns = [_turn(conversation, text, as_json) for text in questions]
    if as_json:
        print_json(turns if script else turns[0])


@app.command()
def score(
    slide: Annotated[str, typer.Argument(help="Slide, or an h5ad of measured counts.")],
    queries: Annotated[list[str], typer.Argument(help="Phrases.")],
    minus: Annotated[str | None, typer.Option(help="Phrase whose score is subtracted.")] = None,
    out: Annotated[Path | None, typer.Option(help="CSV file; stdout otherwise.")] = None,
    mpp: MppOption = None,
    device: DeviceOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Score every spot for phrases, as CSV: spot, x, y, <query>... (SDs of unrelated phrases)."""
    settings = _settings(workspace=workspace, device=device)
    with errors_as_sentences():
        from tools.measured import open_measured

        if slide.endswith(".h5ad"):
            prepared = open_measured(Path(slide), settings.models, settings.device, settings.models_dir)
        else:
            prepared = _open_or_prepare(settings, slide, mpp)
        columns = [prepared.text_scores(query, minus) for query in queries]
        rows = [
            [spot, f"{x:.1f}", f"{y:.1f}", *(f"{column[i]:.4f}" for column in columns)]
            for i, (spot, (x, y)) in enumerate(zip(prepared.spots.ids, prepared.spots.l0_xy, strict=True))
        ]
        with out.open("w", newline="") if out else _stdout() as stream:
            csv.writer(stream).writerows([["spot", "x", "y", *queries], *rows])


@app.command()
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
    settings = _settings(workspace=workspace, device=device)
    with errors_as_sentences():
        from tools.genes import top_genes
        from tools.regions import rows_of

        prepared = _open_or_prepare(settings, slide, mpp)
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


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="Phrase to look for in all slides.")],
    top: Annotated[int, typer.Option(min=1, help="How many spots.")] = 10,
    device: DeviceOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the spots that match best across the workspace."""
    settings = _settings(workspace=workspace, device=device)
    with errors_as_sentences():
        from tools.search import search_workspace

        hits = search_workspace(_workspace(settings), query, top, settings.models, _runtime(settings))
    if as_json:
        print_json([asdict(hit) for hit in hits])
    else:
        for hit in hits:
            typer.echo(f"{hit.score:6.3f}  {hit.slide}  spot {hit.spot}  at x {hit.x:.0f}, y {hit.y:.0f}")


@app.command()
def train(
    what: Annotated[str, typer.Argument(help="encoder, deepspot, joint, all, or evaluate (held-out figures only).")],
    data: Annotated[Path, typer.Option(help="Folder with her2st, consep and knowledge.")],
    out: Annotated[Path, typer.Option(help="Where the weights go.")] = WEIGHTS,
    seed: Annotated[int, typer.Option()] = 0,
    as_json: JsonOption = False,
) -> None:
    """Train the built-in models from public data (needs `python3 setup_env.py --train`), and say how good they are."""
    _settings()
    with errors_as_sentences():
        from tools import train as training

        known = {
            "encoder": training.train_encoder,
            "deepspot": training.train_deepspot,
            "joint": training.train_joint,
            "all": training.train_all,
            "evaluate": training.evaluate,
        }
        if what not in known:
            raise ToolError(f"There is nothing called '{what}' to train; known: {', '.join(known)}.")
        if not (data / "her2st").is_dir():
            raise ToolError(
                f"{data} holds no her2st folder; see models/weights/starter-deepspot/README.md for the data."
            )
        figures: dict[str, Any] = known[what](data, out, seed)
    if as_json:
        print_json(figures)
    else:
        by_model = figures if what in ("all", "evaluate") else {f"starter-{what}": figures}
        for name, values in by_model.items():
            typer.echo(f"\n## {name}\n\n{training.figures_table(values)}")


@app.command()
def models(as_json: JsonOption = False) -> None:
    """List every model: task, licence, dimension, and whether its weights are here."""
    settings = _settings()
    from models.registry import cards

    rows = [card.as_dict() | {"here": not card.missing(settings.models_dir)} for card in cards()]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            here = "here" if row["here"] else "missing"
            typer.echo(f"{row['name']:18} {row['task']:21} {row['dim']:>6}  {here:8} {row['license']}")
            typer.echo(f"{'':18} {row['summary']}")


@app.command()
def doctor(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Say what this machine can run now, what is missing, and what brings it."""
    settings = _settings(workspace=workspace)
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


def _settings(**flags: Any) -> Settings:
    apply_environment()
    return Settings(**{name: value for name, value in flags.items() if value is not None})


def _workspace(settings: Settings) -> "Workspace":
    from tools.workspace import Workspace

    return Workspace(settings.workspace.resolve(), settings.demo_slide)


def _runtime(settings: Settings) -> Any:
    from tools.prepare import Runtime

    return Runtime(settings.device, settings.models_dir, settings.chroma_url)


def _prepare(settings: Settings, slide: str, options: Any) -> "PreparedSlide":
    from tools.prepare import prepare as run_stages

    with progress_bars() as progress:
        return run_stages(_workspace(settings), slide, options, _runtime(settings), progress)


def _open_or_prepare(settings: Settings, slide: str, mpp: float | None) -> "PreparedSlide":
    from tools.prepared import load_prepared
    from tools.workspace import PrepareOptions

    workspace = _workspace(settings)
    state = workspace.find(slide)
    if state.state == "prepared" and mpp in (None, state.mpp):
        return load_prepared(workspace, state.name, settings.device, settings.models_dir)
    say(f"{state.name} is not prepared yet; preparing it first.")
    known = state.options if state.state != "new" else PrepareOptions(models=settings.models)
    return _prepare(settings, slide, known if mpp is None else PrepareOptions(mpp, models=known.models))


def _prepared_json(prepared: "PreparedSlide", settings: Settings) -> dict[str, Any]:
    return {
        "slide": prepared.name,
        "spots": len(prepared.spots),
        "genes": prepared.adata.n_vars,
        "folder": str(_workspace(settings).folder(prepared.name)),
        "mpp": prepared.mpp,
        "models": dict(prepared.provenance["models"]),
    }


def _questions(question: str | None, script: Path | None) -> list[str]:
    if (question is None) == (script is None):
        raise ToolError("Give one question, or --script FILE with a question a line.")
    if script is None:
        return [str(question)]
    if not script.is_file():
        raise ToolError(f"There is no file {script}.")
    lines = [line.strip() for line in script.read_text().splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _turn(conversation: Any, question: str, as_json: bool) -> dict[str, Any]:
    """One turn; printed as it comes unless `as_json`."""
    from agent.events import Answer, Progress, ToolFinished

    session = conversation.session
    before = set(session.regions)
    calls: list[dict[str, Any]] = []
    answer = ""
    with progress_bars() as progress:
        event: Event
        for event in conversation.ask(question):
            if isinstance(event, Progress):
                progress(event.stage, event.done, event.total)
            elif isinstance(event, ToolFinished):
                calls.append({"tool": event.tool, "args": event.args, "result": event.words})
                say(f"> {event.tool}({', '.join(f'{name}={value!r}' for name, value in event.args.items())})")
            elif isinstance(event, Answer):
                answer = event.text
    if not as_json:
        typer.echo(answer)
    regions = [
        {"id": r.id, "query": r.query, "spots": len(r.spots), "area_um2": r.area_um2, "area_mm2": r.area_um2 / 1e6,
         "polygons": [ring.round(1).tolist() for ring in r.polygons]}
        for name, r in session.regions.items()
        if name not in before
    ]  # fmt: skip
    return {"question": question, "answer": answer, "calls": calls, "regions": regions}


@contextmanager
def _stdout() -> Iterator[Any]:
    yield sys.stdout


if __name__ == "__main__":
    app()
