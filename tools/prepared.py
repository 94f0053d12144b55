"""A slide that went through every stage, opened for questions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import anndata
import numpy as np

from models.protocols import F32, Calibrated, Calibration, ImageTextModel, JointModel
from models.registry import load, model_set
from tools.checksums import damage
from tools.embedded import Embedded, Fused
from tools.errors import SlideError, ToolError
from tools.files import read_json
from tools.h5ad import read_h5ad
from tools.image_text import kept_embedding
from tools.score import Scorer
from tools.slide import Slide, open_slide
from tools.spots import Spots
from tools.stages import load_spots
from tools.workspace import SlideState, Workspace

T = TypeVar("T")


@dataclass
class PreparedSlide:
    """Spots, expression and joint embedding of one slide; read-only for everyone who shares it."""

    state: SlideState
    spots: Spots
    adata: anndata.AnnData
    load_joint: Callable[[], JointModel]
    folder: Path | None = None  # in the workspace; None for what is not of one
    device: str = "auto"
    models_dir: Path | None = None
    _by_image: dict[str, Embedded] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name in the workspace."""
        return self.state.name

    @property
    def path(self) -> Path:
        """The slide's file."""
        return self.state.path

    @property
    def mpp(self) -> float:
        """Um per level-0 pixel."""
        return self.spots.mpp

    @cached_property
    def joint(self) -> JointModel:
        """The model of the space that spots and text share, loaded with the first question."""
        return self.load_joint()

    @cached_property
    def slide(self) -> Slide:
        """The slide itself, opened when it is first looked at."""
        return open_slide(self.path, self.mpp)

    @property
    def provenance(self) -> dict[str, Any]:
        """`uns["provenance"]`: predicted or measured, units, models, notes."""
        return dict(self.adata.uns["provenance"])

    @property
    def notes(self) -> list[str]:
        """What a reader of the results must know, in sentences."""
        return [str(note) for note in self.provenance["notes"]]

    @property
    def scorer(self) -> Scorer:
        """What answers a query where nobody chose: both scorers fused where the image-text model's spots are here."""
        image_text = model_set(self.state.options.models).image_text
        return "fused" if f"X_{image_text}" in self.adata.obsm else "molecular"

    def text_scores(self, query: str, minus: str | None = None, scorer: str | None = None) -> F32:
        """Score (n,) of every spot for a phrase, in SDs of unrelated phrases; 0 is "like any phrase".

        `minus` is subtracted: high where the first phrase fits and the second does not. `scorer` "molecular" asks the
        expression, "image-text" the set's image-text model, "fused" both, any image-text model's name that one; None is
        `self.scorer`. Raises ModelUnavailable without the weights.
        """
        asked = self._asked(scorer or self.scorer)
        values = asked.scores(query)
        return np.asarray(values - asked.scores(minus), np.float32) if minus else values

    def null_scores(self, scorer: str | None = None) -> F32:
        """Scores (n, p) of unrelated phrases, in the same units: what a score must exceed to mean anything."""
        return self._asked(scorer or self.scorer).null()

    def calibration(self) -> Calibration | None:
        """How scores over labels become probabilities; None where it is not known for these models."""
        if not isinstance(self.joint, Calibrated):
            return None
        if self.provenance["expression"] == "measured":
            return self.joint.calibration("measured", None)
        return self.joint.calibration(self.scorer, str(self.provenance["models"]["predictor"]))

    def _asked(self, scorer: str) -> Embedded | Fused:
        if scorer == "molecular":
            return self._molecular
        own = model_set(self.state.options.models).image_text
        if scorer == "fused":
            return Fused(self._molecular, self._seen_by(own), self.mpp)
        return self._seen_by(own if scorer == "image-text" else scorer)

    @cached_property
    def _molecular(self) -> Embedded:
        return Embedded(np.asarray(self.adata.obsm["X_joint"]), self.joint, self.joint.null_texts())

    def _seen_by(self, name: str) -> Embedded:
        if name not in self._by_image:
            if self.folder is None:
                raise ToolError("Measured counts have no image: only the molecular score can be asked for.")
            stored = self.adata.obsm.get(f"X_{name}")
            places = (self.device, self.models_dir)
            if stored is None:
                stored = kept_embedding(self.folder, self.slide, self.spots, name, *places)
            model: ImageTextModel = load(name, *places)
            self._by_image[name] = Embedded(np.asarray(stored, np.float32), model, self.joint.null_texts())
        return self._by_image[name]


def load_prepared(
    workspace: Workspace, name: str, device: str = "auto", models_dir: Path | None = None
) -> PreparedSlide:
    """Open a prepared slide by name, shared by everyone in this process. Raises SlideError where it is not prepared."""
    state = workspace.get(name)
    if state.state != "prepared":
        raise SlideError(f"Slide '{name}' is not prepared yet; prepare it first.")
    made_by = read_json(workspace.folder(name) / "recipes.json")["joint"]
    return _load(workspace, name, made_by, device, models_dir)


@lru_cache(maxsize=16)
def _load(workspace: Workspace, name: str, _made_by: str, device: str, models_dir: Path | None) -> PreparedSlide:
    state, folder = workspace.get(name), workspace.folder(name)
    joint = partial(load, model_set(state.options.models).joint, device, models_dir)
    spots, data = _whole(name, folder, "spots.npz", load_spots), _whole(name, folder, "spots.h5ad", read_h5ad)
    return PreparedSlide(state, spots, data, joint, folder, device, models_dir)


def _whole(name: str, folder: Path, file: str, read: Callable[[Path], T]) -> T:
    """Read a file of a slide; raises SlideError with the cure where it is not what was written."""
    wrong = damage(folder / file)
    try:
        if not wrong:
            return read(folder / file)
    except (SlideError, OSError, ValueError, KeyError, BadZipFile) as error:
        wrong = f"cannot be read ({error})"
    raise SlideError(
        f"Slide '{name}' must be prepared again: its {file} {wrong}. `python app.py prepare {name}` mends it."
    )
