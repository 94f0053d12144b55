"""The one command line: serve (default), prepare, ask, score, genes, search, export, call, mcp, ...

Progress goes to stderr, results to stdout. Exit codes: 0 done; 2 the person's input or a missing model, one sentence on
stderr; 1 our bug.
"""

import typer

from commands.asking import ask
from commands.benchmark import benchmark
from commands.export import export
from commands.mcp import call, mcp
from commands.measuring import genes, score, search
from commands.models import doctor, models
from commands.page import serve
from commands.preparing import prepare
from commands.replay import replay
from commands.training import train

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
for command in (serve, prepare, ask, score, genes, search, export, call, mcp, replay, train, doctor):
    app.command()(command)
app.add_typer(benchmark, name="benchmark")
app.add_typer(models, name="models")


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """Talk to an H&E slide. Without a command, the page is served."""
    if context.invoked_subcommand is None:
        serve()


if __name__ == "__main__":
    app()
