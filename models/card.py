"""What is known about a model without loading it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Task = Literal["image-encoder", "expression-predictor", "joint", "image-text"]
WEIGHTS = Path(__file__).parent / "weights"


class ModelUnavailable(Exception):  # noqa: N818 - a state of the world, not a fault
    """A model cannot be loaded; the message tells the person what is missing, where it belongs and how to get it."""


@dataclass(frozen=True)
class Card:
    """A model card.

    `dim` is the length of the vectors that leave the model (genes for an expression predictor), `input_um` the side of
    the tissue that one input tile shows and `input_px` its side in pixels; None where a model sees no image. `files`
    are what its folder must hold, "a|b" meaning either. Of published weights, which do not ship with this repository,
    `obtain` says how they come into `{folder}`: one command, or a page and a command. `home` is the folder's name where
    several models share one. `relative`: expression is comparable between spots, gene by gene, but not between genes;
    `ranks_genes`: the model ranks the genes of a spot, so that it must not be given relative expression.
    """

    name: str
    task: Task
    dim: int
    license: str
    source: str
    summary: str
    citation: str = ""
    gated: bool = False
    input_px: int | None = None
    input_um: float | None = None
    organs: tuple[str, ...] = ()
    files: tuple[str, ...] = ("model.safetensors", "config.json")
    obtain: str = ""
    home: str = ""
    relative: bool = False
    ranks_genes: bool = False

    def folder(self, models_dir: Path | None = None) -> Path:
        """Folder where the weights are expected: `models_dir/name`; built-in ones are found where they ship."""
        name = self.home or self.name
        if models_dir is not None and (self.obtain or (models_dir / name).is_dir()):
            return models_dir / name
        return WEIGHTS / name

    def missing(self, models_dir: Path | None = None) -> list[Path]:
        """Files that this model needs and that are not here; of alternatives the first."""
        folder = self.folder(models_dir)
        return [folder / name.split("|")[0] for name in self.files if not _first(folder, name)]

    def present(self, models_dir: Path | None = None) -> list[Path]:
        """Files that this model needs and that are here; of alternatives the one that is read."""
        folder = self.folder(models_dir)
        return [found for name in self.files if (found := _first(folder, name))]

    @property
    def on_hub(self) -> bool:
        """Whether one download from the Hugging Face hub brings every file."""
        return self.obtain.startswith("hf download ") and ", and " not in self.obtain

    def how_to_get(self, models_dir: Path | None = None) -> str:
        """One line: where the weights come from and how they come here."""
        how = self.obtain.format(folder=self.folder(models_dir)) or self.source
        if self.on_hub:
            how = f"`python app.py models fetch {self.name}`, that is `{how}`"
        return f"{how} ({self.license}{', access on request' if self.gated else ''})"

    def as_dict(self) -> dict[str, Any]:
        """The card as plain JSON types."""
        return asdict(self) | {"organs": list(self.organs), "files": list(self.files)}


def _first(folder: Path, alternatives: str) -> Path | None:
    return next((folder / name for name in alternatives.split("|") if (folder / name).is_file()), None)
