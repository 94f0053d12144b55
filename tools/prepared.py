"""A slide that went through every stage, opened for questions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import anndata
import numpy as np

from models.protocols import F32, JointModel
from models.registry import load, model_set
from tools.errors import SlideError, ToolError
from tools.files import read_json
from tools.score import against_null, score
from tools.slide import Slide, open_slide
from tools.spots import Spots
from tools.stages import load_spots
from tools.workspace import SlideState, Workspace

MAX_QUERY = 500  # characters; what is longer is no query


@dataclass
class PreparedSlide:
    """Spots, expression and joint embedding of one slide; read-only for everyone who shares it."""

    state: SlideState
    spots: Spots
    adata: anndata.AnnData
    load_joint: Callable[[], JointModel]
    _scores: dict[str, F32] = field(default_factory=dict)

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

    def text_scores(self, query: str, minus: str | None = None) -> F32:
        """Score (n,) of every spot for a phrase, in SDs of unrelated phrases; 0 is "like any phrase".

        `minus` is subtracted: high where the first phrase fits and the second does not.
        """
        values = self._scores_of(query)
        return np.asarray(values - self._scores_of(minus), np.float32) if minus else values

    def _scores_of(self, query: str) -> F32:
        query = " ".join(query.split())
        if not query:
            raise ToolError("The query is empty; give a cell type, tissue or process, such as 'T cells'.")
        if len(query) > MAX_QUERY:
            raise ToolError(f"The query has {len(query):,} characters; a phrase of at most {MAX_QUERY} is expected.")
        if query not in self._scores:
            if len(self._scores) > 256:
                self._scores.clear()
            cosines = score(np.asarray(self.adata.obsm["X_joint"]), self.joint.encode_text([query]))
            self._scores[query] = against_null(cosines, self._null)[:, 0]
        return self._scores[query]

    @cached_property
    def _null(self) -> F32:
        return score(np.asarray(self.adata.obsm["X_joint"]), self.joint.encode_text(self.joint.null_texts()))


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
    return PreparedSlide(state, load_spots(folder / "spots.npz"), anndata.read_h5ad(folder / "spots.h5ad"), joint)
