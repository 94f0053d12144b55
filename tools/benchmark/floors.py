"""What any model must beat: chance, colour with labels of others, and the mean of a marker set."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.protocols import F32
from models.registry import model_class, model_set
from tools.benchmark.config import Group
from tools.benchmark.metrics import F64
from tools.benchmark.roads import Roads
from tools.benchmark.samples import Sample
from tools.benchmark.scored import Role, Scored, z_scores
from tools.slide import open_slide

FOLDS = 5  # of images, where a sample has no other patient to learn colours from
COLOUR_PX = 56


@dataclass(frozen=True)
class Chance:
    """Random numbers."""

    seed: int
    name: str = "chance"
    role: Role = "floor"

    def seen(self, sample: Sample) -> bool:
        """Never."""
        return False

    def score(self, sample: Sample, key: str, group: Group) -> Scored | None:
        """Uniform in [0, 1), the same for the same sample, group and seed."""
        rng = np.random.default_rng([self.seed, *f"{sample.name}/{key}".encode()])
        return Scored(rng.random((len(sample.ids), len(group.queries))), "random")


@dataclass(frozen=True)
class Markers:
    """Mean of the standardised genes of a class, on predicted or on measured expression. No text, no embedding."""

    roads: Roads
    measured: bool = False

    @property
    def name(self) -> str:
        """Its name in the tables."""
        return "marker-set mean, measured (upper bound)" if self.measured else "marker-set mean, predicted"

    @property
    def role(self) -> Role:
        """Of measured expression it is no floor."""
        return "upper bound" if self.measured else "floor"

    def seen(self, sample: Sample) -> bool:
        """Whether the predictor saw the patient."""
        models = model_set(self.roads.models)
        return not self.measured and any(
            self.roads.seen(name, sample.patient) for name in (models.encoder, models.predictor)
        )

    def score(self, sample: Sample, key: str, group: Group) -> Scored | None:
        """Mean z-score per class; NaN for a class none of whose markers is there."""
        if not group.markers or (not self.measured and sample.slide is None):
            return None
        data = sample.measured() if self.measured else self.roads.slide(sample).adata
        if data is None:
            return None
        genes = {str(gene): j for j, gene in enumerate(data.var_names)}
        raw = np.full((data.n_obs, len(group.queries)), np.nan)
        for column, label in enumerate(group.queries):
            known = [genes[gene] for gene in group.markers.get(label, ()) if gene in genes]
            if known:
                raw[:, column] = z_scores(np.asarray(data.X[:, known])).mean(axis=1)
        return Scored(raw, "mean z-score")


@dataclass(frozen=True)
class Colour:
    """A logistic regression on fifteen colour statistics of a tile, taught the labels of the other patients' spots.

    Colour knows no words, so this floor is supervised, and a zero-shot model may honestly lose to it. Where there is no
    other patient, it learns from the other images of the sample in five folds; where neither is there, it is left out.
    Statistics are standardised over each sample, as the models' embeddings are.
    """

    samples: Sequence[Sample]
    tile_um: float
    name: str = "colour statistics (supervised on others)"
    role: Role = "floor"
    _features: dict[str, F64] = field(default_factory=dict)

    def seen(self, sample: Sample) -> bool:
        """It never learns from the patient that it scores."""
        return False

    def score(self, sample: Sample, key: str, group: Group) -> Scored | None:
        """Log probabilities; NaN for a class that the others do not have."""
        if sample.slide is None:
            return None
        labels = list(group.queries)
        words = sample.truths[key].words if key in sample.truths else np.full(len(sample.ids), "")
        others = [s for s in self.samples if s.patient != sample.patient and s.slide is not None and key in s.truths]
        if others:
            x = np.concatenate([self._of(other) for other in others])
            y = np.concatenate([other.truths[key].words for other in others])
            raw = _log_probabilities(x, y, self._of(sample), labels)
            return None if raw is None else Scored(raw, "log probability")
        images = np.unique(sample.images)
        if len(images) < FOLDS:
            return None
        raw = np.full((len(words), len(labels)), np.nan)
        for fold in range(FOLDS):
            held = np.isin(sample.images, images[fold::FOLDS])
            part = _log_probabilities(self._of(sample)[~held], words[~held], self._of(sample)[held], labels)
            if part is None:
                return None
            raw[held] = part
        return Scored(np.where(np.isnan(raw).any(axis=0), np.nan, raw), "log probability")

    def _of(self, sample: Sample) -> F64:
        if sample.name not in self._features:
            self._features[sample.name] = z_scores(colour_statistics(sample, self.tile_um))
        return self._features[sample.name]


def tile_um(models: str) -> float:
    """Side of the tissue that the predictor of a set sees around a spot."""
    card = model_class(model_set(models).predictor).card
    return float(card.input_um or 112.0)


def colour_statistics(sample: Sample, tile_um: float) -> F32:
    """(n, 15): mean, SD and the 10th, 50th and 90th percentile of red, green and blue of each spot's tile."""
    if sample.slide is None:
        raise ValueError(f"{sample.name} has no slide.")
    slide = open_slide(sample.slide, sample.mpp)
    tiles = np.stack([slide.read_square(float(x), float(y), tile_um, COLOUR_PX) for x, y in sample.l0_xy])
    pixels = tiles.reshape(len(tiles), -1, 3)
    levels = np.percentile(pixels, [10, 50, 90], axis=1)
    return np.concatenate([pixels.mean(axis=1), pixels.std(axis=1), *levels], axis=1).astype(np.float32)


def _log_probabilities(x: F64, y: NDArray[np.str_], test: F64, labels: Sequence[str]) -> F64 | None:
    """(m, c) for `test` rows; a label that `y` never has is NaN; None where `y` has fewer than two."""
    known = y != ""
    if len(np.unique(y[known])) < 2:
        return None
    model = LogisticRegression(C=1.0, class_weight="balanced", max_iter=2000).fit(x[known], y[known])
    found = model.predict_log_proba(test)
    column = {name: j for j, name in enumerate(model.classes_)}
    missing = np.full(len(test), np.nan)
    return np.stack([found[:, column[name]] if name in column else missing for name in labels], axis=1)
