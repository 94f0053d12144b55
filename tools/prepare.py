"""All stages in order: spots, tile embeddings, expression, joint embedding, index. The one file that knows the order.

A stage is skipped when the recipe that made its output (inputs, models by checksum, sizes, code version, and the recipe
of the stage before) is unchanged; a killed run goes on where it was.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import anndata
import numpy as np

from models.card import Card, ModelUnavailable
from models.protocols import F32
from models.registry import fitting_sets, load, model_class, model_set, require
from tools.errors import SlideError
from tools.files import digest, fingerprint, read_json, sha256_of_weights, write_json
from tools.given_spots import is_space_ranger, read_spots, space_ranger_image, with_mpp
from tools.image_text import shares_tiles
from tools.index import SpotIndex
from tools.prepared import PreparedSlide, load_prepared
from tools.slide import Slide, open_slide
from tools.spots import Spots, spot_grid
from tools.stages import save_spots, write_embeddings, write_expression, write_joint
from tools.tiles import Progress, iter_embeddings
from tools.workspace import PrepareOptions, SlideState, Workspace

VERSION = 1  # of the stages' code: raise it when a stage would write something else from the same inputs
STAGES = ("spots", "embeddings", "expression", "joint", "index")
__all__ = ["PrepareOptions", "Runtime", "prepare", "tile"]


@dataclass(frozen=True)
class Runtime:
    """Where models run and lie, and where the index is; nothing of it changes a result."""

    device: str = "auto"
    models_dir: Path | None = None
    chroma_url: str | None = None


def silent(_stage: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def tile(workspace: Workspace, slide: str, options: PrepareOptions | None = None) -> tuple[SlideState, Spots]:
    """Only the first stage: lay spots on the tissue."""
    job = _Job.open(workspace, slide, options, Runtime())
    with workspace.lock(job.state.name):
        job.run(silent, until="spots")
    return workspace.get(job.state.name), job.spots


def prepare(
    workspace: Workspace,
    slide: str,
    options: PrepareOptions | None = None,
    runtime: Runtime | None = None,
    progress: Progress = silent,
) -> PreparedSlide:
    """Bring a slide (name, path, Space Ranger folder or "demo") through every stage and open it.

    `options` None takes those with which it was prepared before. Raises SlideError, MppNeeded or ModelUnavailable
    before anything is written.
    """
    runtime = runtime or Runtime()
    job = _Job.open(workspace, slide, options, runtime)
    job.check_models()
    with workspace.lock(job.state.name):
        job.run(progress)
    return load_prepared(workspace, job.state.name, runtime.device, runtime.models_dir)


class _Job:
    """One slide on its way through the stages."""

    def __init__(self, workspace: Workspace, state: SlideState, slide: Slide, spots: Spots, runtime: Runtime) -> None:
        self.workspace, self.state, self.slide, self.spots, self.runtime = workspace, state, slide, spots, runtime
        self.models = model_set(state.options.models)
        self.folder = workspace.folder(state.name)

    @classmethod
    def open(cls, workspace: Workspace, slide: str, options: PrepareOptions | None, runtime: Runtime) -> "_Job":
        """Everything that can be refused is refused here, before a folder is made."""
        state = workspace.find(slide)
        options = options or state.options
        if options.mpp is None and state.options.mpp is not None:
            options = replace(options, mpp=state.options.mpp)
        path = state.path
        if path.is_dir():
            if not is_space_ranger(path):
                raise SlideError(f"{path} is a folder, but not one of Space Ranger's (no spatial/tissue_positions).")
            options, path = replace(options, spots_path=path.resolve()), space_ranger_image(path)
        opened = open_slide(path, options.mpp)
        if options.spots_path is not None:
            spots = read_spots(options.spots_path, opened, options.spot_um)
        else:
            spots = spot_grid(opened, options.spot_um, options.pitch_um, options.layout)
        facts = {"mpp": spots.mpp, "spots": len(spots), "pitch_um": spots.pitch_um, "tissue_um2": spots.tissue_um2}
        state = replace(state, path=path.resolve(), options=options, facts=state.facts | facts)
        return cls(workspace, state, with_mpp(opened, spots), spots, runtime)

    def check_models(self) -> None:
        """Raise ModelUnavailable before work begins, not after an hour of it."""
        require(self.models, self.runtime.models_dir)

    def run(self, progress: Progress, until: str = STAGES[-1]) -> None:
        """Run the stages whose recipe changed, up to `until`."""
        recipes_file = self.folder / "recipes.json"
        recipes = read_json(recipes_file)
        self.workspace.register(self.state)
        before = ""
        for number, stage in enumerate(STAGES):
            recipe = digest([VERSION, before, self._recipe(stage)])
            if recipes.get(stage) != recipe or not self._output(stage).exists():
                for stale in STAGES[number:]:
                    recipes.pop(stale, None)
                write_json(recipes_file, recipes)
                self._run_stage(stage, recipe, progress)
                recipes[stage] = recipe
                write_json(recipes_file, recipes)
                self.workspace.register(self.state)
            if stage == until:
                return
            before = recipe

    def _run_stage(self, stage: str, recipe: str, progress: Progress) -> None:
        work: dict[str, Callable[[str, Progress], None]] = {
            "spots": self._make_spots,
            "embeddings": self._make_embeddings,
            "expression": self._make_expression,
            "joint": self._make_joint,
            "index": self._make_index,
        }
        work[stage](recipe, progress)

    def _make_spots(self, _recipe: str, progress: Progress) -> None:
        save_spots(self.folder / "spots.npz", self.spots)
        progress("lay spots", len(self.spots), len(self.spots))

    def _make_embeddings(self, recipe: str, progress: Progress) -> None:
        progress("load models", 0, 1)
        encoder, predictor = self._load("encoder"), self._load("predictor")
        if predictor.encoder != self.models.encoder:
            raise ModelUnavailable(
                f"'{predictor.card.name}' was trained on {predictor.encoder}, this model set encodes with "
                f"{self.models.encoder}; take a set with {predictor.encoder} ({fitting_sets(predictor)})."
            )
        progress("load models", 1, 1)
        parts = self.folder / f"embeddings.parts-{recipe}"
        encode_from = partial(iter_embeddings, self.slide, self.spots, encoder, predictor.plan)
        write_embeddings(self._output("embeddings"), parts, encode_from, len(self.spots), progress)

    def _make_expression(self, _recipe: str, progress: Progress) -> None:
        progress("infer expression", 0, 1)
        embeddings = np.load(self._output("embeddings"))
        checksums = {card.name: ",".join(self._checksums(card)) for card in self._cards()}
        predictor = self._load("predictor")
        write_expression(self._output("expression"), embeddings, self.slide, self.spots, predictor, checksums)
        self.state.facts["genes"] = len(predictor.genes)
        progress("infer expression", 1, 1)

    def _make_joint(self, _recipe: str, progress: Progress) -> None:
        progress("embed expression", 0, 1)
        write_joint(self._output("joint"), self._load("joint"), self._seen())
        progress("embed expression", 1, 1)

    def _seen(self) -> dict[str, F32]:
        """Spots in the space of the set's image-text model, where it takes the embeddings that are there anyway."""
        name = self.models.image_text
        if model_class(name).card.missing(self.runtime.models_dir):
            return {}
        model, predictor = load(name, self.runtime.device, self.runtime.models_dir), self._load("predictor")
        if not shares_tiles(model, predictor):
            return {}
        embeddings = np.load(self._output("embeddings"), mmap_mode="r")
        return {name: model.project_image(np.asarray(embeddings[:, 0], np.float32))}

    def _make_index(self, _recipe: str, progress: Progress) -> None:
        progress("index spots", 0, 1)
        data = anndata.read_h5ad(self._output("joint"))
        chroma = self.workspace.root / "chroma"
        SpotIndex.build(chroma, self.models.joint, {self.state.name: data}, self.runtime.chroma_url)
        progress("index spots", 1, 1)

    def _output(self, stage: str) -> Path:
        names = {"spots": "spots.npz", "embeddings": "embeddings.npy"}
        return self.folder / names.get(stage, "spots.h5ad")

    def _recipe(self, stage: str) -> Any:
        """What a stage depends on beside the stage before it."""
        predictor = model_class(self.models.predictor)
        if stage == "spots":
            spots = self.spots
            return [
                fingerprint(self.state.path),
                digest([spots.ids, spots.l0_xy.round(2).tolist()]),
                spots.mpp,
                spots.spot_um,
                spots.pitch_um,
                spots.layout,
            ]
        part: dict[str, list[Card]] = {
            "embeddings": [model_class(self.models.encoder).card, predictor.card],
            "expression": [predictor.card],
            "joint": [model_class(name).card for name in (self.models.joint, self.models.image_text)],
            "index": [],
        }
        return [[card.name, self._checksums(card)] for card in part[stage]]

    def _checksums(self, card: Card) -> list[str]:
        return [sha256_of_weights(path) for path in card.present(self.runtime.models_dir)]

    def _cards(self) -> list[Card]:
        names = (self.models.encoder, self.models.predictor, self.models.joint)
        return [model_class(name).card for name in names]

    def _load(self, role: Literal["encoder", "predictor", "joint"]) -> Any:
        return load(getattr(self.models, role), self.runtime.device, self.runtime.models_dir)
