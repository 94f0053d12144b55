"""All stages in order: spots, tile embeddings, expression, joint embedding, index. The one file that knows the order.

A stage is skipped when the recipe that made its output (inputs, models by checksum, sizes, code version, and the recipe
of the stage before) is unchanged; a killed run goes on where it was.
"""

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from filelock import Timeout

from models.card import Card, ModelUnavailable
from models.device import use_compile
from models.protocols import F32, Adaptive
from models.registry import fitting_sets, load, model_class, model_set, require
from tools.checksums import damage, seal, sealed
from tools.errors import SlideError
from tools.files import need_room, read_json, sweep, write_json, writing
from tools.given_spots import is_space_ranger, read_spots, space_ranger_image, with_mpp
from tools.h5ad import read_h5ad
from tools.image_text import shares_tiles
from tools.index import SpotIndex
from tools.on_disk import StoredRows
from tools.prepared import PreparedSlide, load_prepared
from tools.recipes import STAGES, checksums, recipes
from tools.slide import Slide, open_slide
from tools.spots import Spots, spot_grid
from tools.stages import save_spots, write_embeddings, write_expression, write_joint
from tools.tile_cache import TileCache
from tools.tiles import Progress, iter_embeddings
from tools.workspace import PrepareOptions, SlideState, Workspace

__all__ = ["STAGES", "PrepareOptions", "Runtime", "prepare", "tile"]
log = logging.getLogger(__name__)
SPARE_BYTES = 4_000_000  # of an h5ad beside its arrays: the picture, names, what compression does not gain
WAITING = "wait for another run"


@dataclass(frozen=True)
class Runtime:
    """Where models run and lie, and where the index is; nothing of it changes a result.

    `elsewhere` holds, by registry name, what stands in for a model and has it run in another process; without `index`
    the last stage is left to whoever writes the index for many.
    """

    device: str = "auto"
    models_dir: Path | None = None
    chroma_url: str | None = None
    elsewhere: Mapping[str, Any] = field(default_factory=dict)
    index: bool = True
    compile: bool = False  # networks go through torch.compile


def silent(_stage: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def tile(workspace: Workspace, slide: str, options: PrepareOptions | None = None) -> tuple[SlideState, Spots]:
    """Only the first stage: lay spots on the tissue."""
    job = _Job.open(workspace, slide, options, Runtime())
    with _alone(workspace, job.state.name, silent):
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
    state, _ = run_stages(workspace, slide, options, runtime, progress)
    return load_prepared(workspace, state.name, runtime.device, runtime.models_dir)


def run_stages(
    workspace: Workspace, slide: str | SlideState, options: PrepareOptions | None, runtime: Runtime, progress: Progress
) -> tuple[SlideState, tuple[str, ...]]:
    """As `prepare`, without opening what was made: the slide's state, and the stages that were not done already.

    A slide that the workspace does not know may come as the state that it shall have: its name and its file.
    """
    use_compile(runtime.compile)
    job = _Job.open(workspace, slide, options, runtime)
    job.check_models()
    until = STAGES[-1] if runtime.index else STAGES[-2]
    if job.is_done(until):  # what is whole is opened without a write, so that a read-only workspace serves as well
        return workspace.get(job.state.name), ()
    with _alone(workspace, job.state.name, progress):
        ran = job.run(progress, until)
    return workspace.get(job.state.name), tuple(ran)


@contextmanager
def _alone(workspace: Workspace, name: str, progress: Progress) -> Iterator[None]:
    """Hold a slide's folder; where another run holds it, say so and wait for its end."""
    with writing(workspace.folder(name)):
        lock = workspace.lock(name)
    waited = False
    while not lock.is_locked:
        try:
            with writing(workspace.folder(name)):
                lock.acquire(timeout=0.5 if waited else 0)
        except Timeout:
            progress(WAITING, 0, 1)
            if not waited:
                log.warning("Another run prepares %s; this one waits for it.", name)
            waited = True
    if waited:
        progress(WAITING, 1, 1)
    try:
        yield
    finally:
        lock.release()


class _Job:
    """One slide on its way through the stages."""

    def __init__(self, workspace: Workspace, state: SlideState, slide: Slide, spots: Spots, runtime: Runtime) -> None:
        self.workspace, self.state, self.slide, self.spots, self.runtime = workspace, state, slide, spots, runtime
        self.models = model_set(state.options.models)
        self.folder = workspace.folder(state.name)

    @classmethod
    def open(
        cls, workspace: Workspace, slide: str | SlideState, options: PrepareOptions | None, runtime: Runtime
    ) -> "_Job":
        """Everything that can be refused is refused here, before a folder is made."""
        state = slide if isinstance(slide, SlideState) else workspace.find(slide)
        options = options or state.options
        if options.mpp is None and state.options.mpp is not None:
            options = replace(options, mpp=state.options.mpp)
        path = state.path
        given = Path(slide).expanduser() if isinstance(slide, str) else path
        if options.spots_path is None and given.is_dir() and is_space_ranger(given):
            options = replace(options, spots_path=given.resolve())  # also where the workspace knows its image by now
        if path.is_dir():
            if not is_space_ranger(path):
                raise SlideError(f"{path} is a folder, but not one of Space Ranger's (no spatial/tissue_positions).")
            path = space_ranger_image(path)
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

    def is_done(self, until: str) -> bool:
        """Whether every stage up to `until` is done, whole, and from these inputs, and nothing remains to be noted."""
        if not (self.folder / "slide.json").is_file() or self.workspace.get(self.state.name) != self._noted():
            return False
        made = read_json(self.folder / "recipes.json")
        return all(made.get(stage) == recipe and self._whole(stage) for stage, recipe in self._recipes(until).items())

    def run(self, progress: Progress, until: str = STAGES[-1]) -> list[str]:
        """Run (and return) the stages up to `until` whose recipe changed or whose output is not what they wrote."""
        ran: list[str] = []
        recipes_file = self.folder / "recipes.json"
        made = read_json(recipes_file)
        self._tidy()
        self.workspace.register(self.state)
        for number, (stage, recipe) in enumerate(self._recipes(until).items()):
            if made.get(stage) == recipe and self._whole(stage, say=True):
                continue
            for stale in STAGES[number:]:
                made.pop(stale, None)
            write_json(recipes_file, made)
            self._run_stage(stage, recipe, progress)
            ran.append(stage)
            seal(self._output(stage))
            made[stage] = recipe
            write_json(recipes_file, made)
            self.workspace.register(self.state)
            ran.append(stage)
        return ran

    def _recipes(self, until: str = STAGES[-1]) -> dict[str, str]:
        return recipes(self.state.path, self.spots, self.models, self.runtime.models_dir, until)

    def _noted(self) -> SlideState:
        return replace(self.state, state="prepared")

    def _whole(self, stage: str, say: bool = False) -> bool:
        """Whether a stage's output is what it wrote; `say` tells of one that is not."""
        path = self._output(stage)
        wrong = damage(path) or ("" if sealed(path) else "has no checksum")
        if stage == "index" and not wrong and self.runtime.chroma_url is None:
            path = self.workspace.root / "chroma"
            wrong = "" if (path / "chroma.sqlite3").is_file() else "is missing"
        if wrong and say:
            log.warning("%s of %s %s; it is made again.", path.name, self.state.name, wrong)
        return not wrong

    def _tidy(self) -> None:
        """Remove what killed runs left: half-written files, and batches of embeddings that nobody goes on with."""
        sweep(self.folder)
        current = self._recipes("embeddings")["embeddings"]
        for parts in self.folder.glob("embeddings.parts-*"):
            if not parts.name.endswith(current):
                shutil.rmtree(parts, ignore_errors=True)

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
        plan, where = predictor.plan, (model_class(self.models.encoder).card, self.runtime.models_dir)
        cache = TileCache.of(self.workspace.root, self.slide, self.spots, plan, where)
        known = cache.known(self.spots, plan.sub_grid)
        encode_from = partial(iter_embeddings, self.slide, self.spots, encoder, plan, known=known)

        def told(stage: str, done: int, total: int) -> None:
            trouble = encoder.trouble if isinstance(encoder, Adaptive) else ""
            progress(f"{stage} ({trouble})" if trouble else stage, done, total)

        write_embeddings(self._output("embeddings"), parts, encode_from, len(self.spots), told)
        cache.add(self._output("embeddings"), self.spots, plan.sub_grid)

    def _make_expression(self, _recipe: str, progress: Progress) -> None:
        progress("infer expression", 0, 1)
        embeddings = StoredRows(self._output("embeddings"))
        digests = {card.name: ",".join(checksums(card, self.runtime.models_dir)) for card in self._cards()}
        predictor = self._load("predictor")
        need_room(self._output("expression"), 4 * len(self.spots) * len(predictor.genes) + SPARE_BYTES)
        write_expression(self._output("expression"), embeddings, self.slide, self.spots, predictor, digests)
        self.state.facts["genes"] = len(predictor.genes)
        progress("infer expression", 1, 1)

    def _make_joint(self, _recipe: str, progress: Progress) -> None:
        progress("embed expression", 0, 1)
        path, joint, seen = self._output("joint"), self._load("joint"), self._seen()
        vectors = 4 * len(self.spots) * (joint.card.dim + sum(rows.shape[1] for rows in seen.values()))
        need_room(path, path.stat().st_size + vectors + SPARE_BYTES)
        write_joint(path, joint, seen)
        progress("embed expression", 1, 1)

    def _seen(self) -> dict[str, F32]:
        """Spots in the space of the set's image-text model, where it takes the embeddings that are there anyway."""
        name = self.models.image_text
        if model_class(name).card.missing(self.runtime.models_dir):
            return {}
        model, predictor = load(name, self.runtime.device, self.runtime.models_dir), self._load("predictor")
        if not shares_tiles(model, predictor):
            return {}
        return {name: model.project_image(StoredRows(self._output("embeddings")).column(0))}

    def _make_index(self, _recipe: str, progress: Progress) -> None:
        progress("index spots", 0, 1)
        data = read_h5ad(self._output("joint"), backed=True)
        chroma = self.workspace.root / "chroma"
        try:
            SpotIndex.build(chroma, self.models.joint, {self.state.name: data}, self.runtime.chroma_url)
        finally:
            data.file.close()
        progress("index spots", 1, 1)

    def _output(self, stage: str) -> Path:
        names = {"spots": "spots.npz", "embeddings": "embeddings.npy"}
        return self.folder / names.get(stage, "spots.h5ad")

    def _cards(self) -> list[Card]:
        names = (self.models.encoder, self.models.predictor, self.models.joint)
        return [model_class(name).card for name in names]

    def _load(self, role: Literal["encoder", "predictor", "joint"]) -> Any:
        name = getattr(self.models, role)
        if name in self.runtime.elsewhere:
            return self.runtime.elsewhere[name]
        return load(name, self.runtime.device, self.runtime.models_dir)
