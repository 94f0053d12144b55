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
    the tissue that one input tile shows and `input_px` its side in pixels; None where a model sees no image.
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

    def folder(self, models_dir: Path | None = None) -> Path:
        """Folder where the weights are expected: `models_dir/name` if it exists, else the built-in one."""
        if models_dir is not None and (models_dir / self.name).is_dir():
            return models_dir / self.name
        return WEIGHTS / self.name

    def missing(self, models_dir: Path | None = None) -> list[Path]:
        """Files that this model needs and that are not here."""
        folder = self.folder(models_dir)
        return [folder / name for name in self.files if not (folder / name).is_file()]

    def as_dict(self) -> dict[str, Any]:
        """The card as plain JSON types."""
        return asdict(self) | {"organs": list(self.organs), "files": list(self.files)}
