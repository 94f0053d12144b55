"""Samples through the product's own stages, with the shipped models or with those that held their patient out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.card import Card
from models.protocols import F32, JointModel
from models.registry import load, model_class, model_set
from tools.benchmark.folds import Fold
from tools.benchmark.samples import Sample
from tools.errors import ToolError
from tools.prepare import Runtime, prepare, silent
from tools.prepared import PreparedSlide
from tools.tiles import Progress
from tools.workspace import PrepareOptions, Workspace


@dataclass(frozen=True)
class Roads:
    """How this run brings samples to scores.

    `work` keeps prepared slides, a folder per set of weights; `folds` by held-out patient; `trained_on` model ->
    patients that taught its shipped weights.
    """

    work: Path
    models: str = "starter"
    device: str = "auto"
    models_dir: Path | None = None
    folds: dict[str, Fold] = field(default_factory=dict)
    trained_on: dict[str, list[str]] = field(default_factory=dict)
    progress: Progress = silent

    def folder_for(self, model: str, patient: str) -> Path | None:
        """Folder of the weights of `model` for a patient: its fold's where the fold has this model."""
        fold = self.folds.get(patient)
        if fold is not None and (fold.folder / model).is_dir():
            return fold.folder
        return self.models_dir

    def seen(self, model: str, patient: str) -> bool:
        """Whether the weights that are used for a patient were trained on that patient."""
        fold = self.folds.get(patient)
        if fold is not None and (fold.folder / model).is_dir():
            return patient in fold.train
        return patient in self.trained_on.get(model, ())

    def slide(self, sample: Sample, patient: str | None = None) -> PreparedSlide:
        """The sample prepared with the weights for `patient` (default: its own); finished stages are not repeated."""
        if sample.slide is None:
            raise ToolError(f"{sample.name} has no slide, so nothing can be predicted.")
        fold = self.folds.get(patient or sample.patient)
        root = self._workspace(fold)
        options = PrepareOptions(sample.mpp, sample.spots_path, sample.spot_um, models=self.models)
        runtime = Runtime(self.device, self.models_dir if fold is None else fold.folder)

        def progress(stage: str, done: int, total: int) -> None:
            if stage == "embed tiles":
                self.progress(f"{sample.name}, {'as shipped' if fold is None else f'without {fold.test}'}", done, total)

        prepared = prepare(Workspace(root), str(sample.slide), options, runtime, progress)
        if tuple(prepared.spots.ids) != sample.ids:
            raise ToolError(f"{sample.name}: the prepared spots are not those that carry the labels.")
        return prepared

    def embeddings(self, sample: Sample, patient: str | None = None) -> F32:
        """Tile embeddings (n, k, d) of the prepared sample."""
        prepared = self.slide(sample, patient)
        workspace = Workspace(self._workspace(self.folds.get(patient or sample.patient)))
        return np.asarray(np.load(workspace.folder(prepared.name) / "embeddings.npy"), np.float32)

    def _workspace(self, fold: Fold | None) -> Path:
        return self.work / (f"{self.models}-shipped" if fold is None else f"{self.models}-without-{fold.test}")

    def joint(self, patient: str) -> JointModel:
        """The joint model for a patient."""
        name = model_set(self.models).joint
        loaded: JointModel = load(name, self.device, self.folder_for(name, patient))
        return loaded

    def image_text_cards(self, names: Sequence[str] | None = None) -> list[Card]:
        """Cards of the image-text models to run: all registered ones, the fakes only with the set of fakes."""
        from models.registry import cards

        found = [card for card in cards() if card.task == "image-text"]
        if names is not None:
            return [model_class(name).card for name in names]
        return [card for card in found if card.name.startswith("fake-") == (self.models == "fake")]
