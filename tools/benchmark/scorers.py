"""Models behind one interface: molecular, image-text, both fused, and measured expression as an upper bound."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from models.card import Card
from models.null_phrases import NULL_PHRASES
from models.protocols import F32, ImageTextModel, JointModel
from models.registry import load, model_set
from models.wordings import encode_ensemble
from tools.benchmark.config import Group
from tools.benchmark.labels import read_table
from tools.benchmark.paths import need
from tools.benchmark.roads import Roads
from tools.benchmark.samples import Sample
from tools.benchmark.scored import Role, Scored
from tools.embedded import EQUAL
from tools.errors import ToolError
from tools.score import fuse, score
from tools.tiles import embed_tiles


@dataclass(frozen=True)
class Molecular:
    """Predicted expression in the joint space against the queries: what SpotWhisperer is."""

    roads: Roads
    name: str = "molecular"
    role: Role = "model"

    def seen(self, sample: Sample) -> bool:
        """Whether any of its three models saw the patient."""
        models = model_set(self.roads.models)
        names = (models.encoder, models.predictor, models.joint)
        return any(self.roads.seen(name, sample.patient) for name in names)

    def score(self, sample: Sample, key: str, group: Group) -> Scored | None:
        """Cosines of the spots' joint embeddings with the queries."""
        if sample.slide is None:
            return None
        prepared = self.roads.slide(sample)
        return _cosines(np.asarray(prepared.adata.obsm["X_joint"]), prepared.joint, group)


@dataclass(frozen=True)
class Measured:
    """Measured expression in the same joint space. It never saw the image: an upper bound, not SpotWhisperer."""

    roads: Roads
    name: str = "measured expression (upper bound)"
    role: Role = "upper bound"

    def seen(self, sample: Sample) -> bool:
        """Whether the joint space learned from the patient's regions."""
        return self.roads.seen(model_set(self.roads.models).joint, sample.patient)

    def score(self, sample: Sample, key: str, group: Group) -> Scored | None:
        """Cosines of the spots' measured expression with the queries."""
        data = sample.measured()
        if data is None:
            return None
        joint = self.roads.joint(sample.patient)
        embedded = joint.embed_expression(np.asarray(data.X, np.float32), [str(gene) for gene in data.var_names])
        return _cosines(embedded, joint, group)


def _cosines(embedded: F32, joint: JointModel, group: Group) -> Scored:
    text = joint.encode_text(list(group.queries.values()))
    null = score(embedded, joint.encode_text(joint.null_texts()))
    return Scored(np.asarray(score(embedded, text), np.float64), "cosine", joint.logit_scale, null)


@dataclass(frozen=True)
class ImageText:
    """An image-text model: it sees the tile of every spot, no gene. `patch_px` replaces the tile that it asks for."""

    roads: Roads
    card: Card
    patch_px: int | None = None
    ensemble: bool = False  # ask in several wordings and average; the paper does not
    role: Role = "model"
    _embedded: dict[str, F32] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name in the tables."""
        return f"image-text: {self.card.name}" + (", prompt ensemble" if self.ensemble else "")

    def seen(self, sample: Sample) -> bool:
        """Whether it, or the encoder below it, saw the patient."""
        return any(self.roads.seen(name, sample.patient) for name in {self.card.name, self._model(sample).encoder})

    def score(self, sample: Sample, key: str, group: Group) -> Scored | None:
        """Cosines of the spots' tiles with the queries."""
        if sample.slide is None:
            return None
        model = self._model(sample)
        if sample.name not in self._embedded:
            self._embedded[sample.name] = self._embed(sample, model)
        queries = list(group.queries.values())
        text = encode_ensemble(model, queries) if self.ensemble else model.encode_text(queries)
        embedded = self._embedded[sample.name]
        null = score(embedded, model.encode_text(NULL_PHRASES))
        return Scored(np.asarray(score(embedded, text), np.float64), "cosine", model.logit_scale, null)

    def _model(self, sample: Sample) -> ImageTextModel:
        folder = self.roads.folder_for(self.card.name, sample.patient)
        loaded: ImageTextModel = load(self.card.name, self.roads.device, folder)
        return loaded

    def _embed(self, sample: Sample, model: ImageTextModel) -> F32:
        prepared = self.roads.slide(sample)
        plan = model.plan
        if self.patch_px is not None:
            plan = replace(plan, tile_um=self.patch_px * prepared.mpp, native=False)
        tiles = embed_tiles(prepared.slide, prepared.spots, _encoder_of(model, self.roads, sample), plan)
        return model.project_image(tiles[:, 0])


def _encoder_of(model: ImageTextModel, roads: Roads, sample: Sample) -> ImageTextModel:
    """What turns tiles into the vectors that the model projects: itself, or the encoder that it names."""
    if model.encoder == model.card.name:
        return model
    folder = roads.folder_for(model.encoder, sample.patient if model.card.name in _own(roads, sample) else "")
    loaded: ImageTextModel = load(model.encoder, roads.device, folder)
    return loaded


def _own(roads: Roads, sample: Sample) -> set[str]:
    """Models of which the sample's fold has weights of its own."""
    fold = roads.folds.get(sample.patient)
    return {path.name for path in fold.folder.iterdir() if path.is_dir()} if fold else set()


@dataclass(frozen=True)
class Fused:
    """The molecular and an image-text scorer together: mean of their scores in SDs of unrelated phrases."""

    molecular: Molecular
    image_text: ImageText
    role: Role = "model"

    @property
    def name(self) -> str:
        """Its name in the tables."""
        return f"fused: molecular + {self.image_text.card.name}"

    def seen(self, sample: Sample) -> bool:
        """Whether either saw the patient."""
        return self.molecular.seen(sample) or self.image_text.seen(sample)

    def score(self, sample: Sample, key: str, group: Group) -> Scored | None:
        """Mean of what either gives against unrelated phrases, per query."""
        parts = [scorer.score(sample, key, group) for scorer in (self.molecular, self.image_text)]
        known = [part.against_null() for part in parts if part is not None]
        return Scored(fuse(known[0], known[1], EQUAL), "mean against unrelated phrases") if len(known) == 2 else None


@dataclass(frozen=True)
class Given:
    """Scores from a CSV: spots by barcode, a column per label or per query."""

    name: str
    pattern: str
    root: Path
    role: Role = "model"

    def seen(self, sample: Sample) -> bool:
        """Not known here."""
        return False

    def score(self, sample: Sample, key: str, group: Group) -> Scored | None:
        """The columns in the group's order. Raises ToolError where a column or a spot is missing."""
        path = need(self.root, self.pattern.replace("{group}", key), sample.name, "CSV of scores")
        table = read_table(path, None)
        names = [label if label in table.columns else query for label, query in group.queries.items()]
        absent = [name for name in names if name not in table.columns]
        if absent:
            raise ToolError(f"{path.name} has no column {', '.join(absent)}; it has {', '.join(table.columns)}.")
        table.index = table.index.astype(str)
        if table.index.has_duplicates:
            raise ToolError(f"{path.name}: '{table.index[table.index.duplicated()][0]}' occurs more than once.")
        lost = [spot for spot in sample.ids if spot not in table.index]
        if lost:
            raise ToolError(f"{path.name} has no score for {len(lost)} of the spots, '{lost[0]}' for one.")
        return Scored(table.loc[list(sample.ids), names].to_numpy(np.float64), "given score")
