"""Training the built-in models."""

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.shared import JsonOption, settings_from
from models.card import WEIGHTS
from terminal import errors_as_sentences, print_json
from tools.errors import ToolError


def train(
    what: Annotated[
        str, typer.Argument(help="encoder, deepspot, joint, image-text, all, or evaluate (held-out figures only).")
    ],
    data: Annotated[Path, typer.Option(help="Folder with her2st, consep and knowledge.")],
    out: Annotated[Path, typer.Option(help="Where the weights go.")] = WEIGHTS,
    seed: Annotated[int, typer.Option()] = 0,
    as_json: JsonOption = False,
) -> None:
    """Train the built-in models from public data (needs `python3 setup_env.py --train`), and say how good they are."""
    settings_from()
    with errors_as_sentences():
        from tools import train as training

        known = {
            "encoder": training.train_encoder,
            "deepspot": training.train_deepspot,
            "joint": training.train_joint,
            "image-text": training.train_image_text,
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
