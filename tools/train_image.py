"""Training and judging what sees: tiles under many looks to a stable projection, bags of tiles to expression."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models import checkpoint
from models.centring import centre, reference_of
from models.deepspot import DeepSpotPredictor, write_genes
from models.networks.deepspot import DeepSpotNet
from models.networks.densenet import FEATURES, DenseNet121
from models.networks.loading import arrays_of, load_into
from models.protocols import F32
from models.starter_encoder import EVIDENCE_SCALE, STABLE_DIM, TISSUES, StarterEncoder
from models.training.capricorn import archive_path, capricorn_encoder, tissue_evidence
from models.training.deepspot import Bags, Recipe, expand_outputs, fit_deepspot, predict_scores, with_reference
from models.training.metrics import pearson_per_gene
from models.training.projection import Projection, fit_projection
from models.training.targets import Programmes, fit_programmes
from tools.datasets import knowledge
from tools.files import write_text
from tools.image_material import PLAN, ImageMaterial, Tissue, colour_floor, gather

RANK = 32
N_GENES = 5500
N_MARKERS = 1800
CONCEPT_SUPPORT = 9.0  # as if so many resources named the gene
MIXTURE_SHARE = 0.5  # of a spot's target that comes from its deconvolved cell mixture instead of its own counts
SHALLOW = {"B": 0.3}  # patients whose sections are shallow count less for the gene programmes
FOLDS = (("C+consep", "B"), ("B+consep", "C"))  # (train, test) patients
TOP = (50, 200, 1000)
UM_PER_PX = 0.5


def train_encoder(data: Path, out: Path, seed: int = 0) -> dict[str, float]:
    """Fit the projection on all tissue; write `out/starter-encoder`."""
    material = gather(data, out, seed)
    projection = write_encoder(material.tissues, out)
    figures = _stability([_embed(projection, tissue) for tissue in material.tissues])
    write_text(out / StarterEncoder.card.name / "figures.json", json.dumps(figures, indent=1) + "\n")
    return figures


def write_encoder(tissues: Sequence[Tissue], out: Path) -> Projection:
    """The encoder of these tissues, written to `out/starter-encoder`: Capricorn's network, projected."""
    projection = _learn_to_see(tissues)
    net = capricorn_encoder(archive_path(), StarterEncoder.card.dim)
    net.set_projection(projection.weight, projection.bias)
    config = {"dim": StarterEncoder.card.dim, "um_per_px": UM_PER_PX}
    checkpoint.write(out / StarterEncoder.card.name, arrays_of(net, half=True), config)
    return projection


def train_deepspot(data: Path, out: Path, seed: int = 0) -> dict[str, float]:
    """Judge by held-out patient, then fit on everything and write `out/starter-deepspot`."""
    material = gather(data, out, seed)
    figures, reliability = evaluate_deepspot(material, list(held_out(material, FOLDS, seed)), data)
    folder = write_deepspot(material, reliability, data, out, seed)
    write_text(folder / "figures.json", json.dumps(figures, indent=1) + "\n")
    return figures


def write_deepspot(material: ImageMaterial, reliability: F32, data: Path, out: Path, seed: int) -> Path:
    """The head of this tissue on the encoder in `out`, written to `out/starter-deepspot`; `reliability` (g,)."""
    encoder = load_into(DenseNet121(StarterEncoder.card.dim), out / StarterEncoder.card.name)
    projection = Projection(*encoder.get_projection())
    net, programmes, _ = _fit(material.tissues, [_embed(projection, tissue) for tissue in material.tissues], seed)
    chosen = _choose_genes(material, programmes, data)
    genes = tuple(material.genes[j] for j in chosen)
    wide = expand_outputs(net, np.ascontiguousarray(programmes.loadings[:, chosen]), material.mean[chosen])
    members, hidden, size = wide.phi_weight.shape
    config = {
        "encoder": StarterEncoder.card.name, "plan": asdict(PLAN), "centre": True, "input_size": size,
        "hidden_size": hidden, "output_size": len(genes), "n_phi": members,
    }  # fmt: skip
    folder = out / DeepSpotPredictor.card.name
    checkpoint.write(folder, arrays_of(wide, half=True), config)
    ensembl = knowledge.ensembl_ids(data / "knowledge")
    write_genes(folder / "genes.csv", (genes, tuple(ensembl.get(gene, "") for gene in genes), reliability[chosen]))
    return folder


@dataclass(frozen=True)
class Fold:
    """Encoder and head of some patients, and sections of a patient of whom nothing was seen, encoder included."""

    train: str
    test: str
    seen: list[Tissue]
    unseen: list[Tissue]
    projection: Projection
    net: DeepSpotNet
    programmes: Programmes
    reference: F32

    def embed(self, features: NDArray[np.float16]) -> F32:
        """Features (n, k, 1024) -> embeddings (n, k, d)."""
        return self.projection(features.astype(np.float32))

    def predict(self, features: NDArray[np.float16], neighbours: NDArray[np.int64]) -> F32:
        """Features (n, k, 1024) of one section -> deviations of expression from its mean (n, g)."""
        scores = predict_scores(self.net, centre(self.embed(features), self.reference), neighbours)
        return np.asarray(scores @ self.programmes.loadings, np.float32)

    def predicted(self, look: int = 0) -> list[F32]:
        """What is predicted for the unseen sections under one of their looks, (n, g) each."""
        return [self.predict(tissue.features[look], tissue.neighbours) for tissue in self.unseen]


def held_out(material: ImageMaterial, folds: Sequence[tuple[str, str]], seed: int) -> Iterator[Fold]:
    """Train on the patients of each fold's first word (a letter each), for those of its second."""
    for train, test in folds:
        seen = [tissue for tissue in material.tissues if tissue.patient in train.split("+")]
        unseen = [tissue for tissue in material.tissues if tissue.patient == test]
        projection = _learn_to_see(seen)
        net, programmes, reference = _fit(seen, [_embed(projection, tissue) for tissue in seen], seed)
        yield Fold(train, test, seen, unseen, projection, net, programmes, reference)


def evaluate_deepspot(material: ImageMaterial, folds: Sequence[Fold], data: Path) -> tuple[dict[str, float], F32]:
    """Per-gene Pearson on held-out patients by number of top genes, beside colour statistics; mean per gene (g,).

    Genes are ranked by their variance in the training sections; a constant prediction scores 0.
    """
    figures: dict[str, float] = {}
    per_gene = []
    for fold in folds:
        measured = [tissue for tissue in fold.seen if tissue.measured is not None]
        squares = [(t.measured**2).mean(axis=0) for t in measured if t.measured is not None]
        order = np.argsort(-np.mean(squares, axis=0))
        r = _mean_pearson(fold.predicted(), fold.unseen)
        per_gene.append(r)
        rows = {
            "model": r,
            "model, another look": _mean_pearson(fold.predicted(-1), fold.unseen),
            "colour floor": _mean_pearson(colour_floor(data, measured, fold.unseen), fold.unseen),
        }
        for kind, values in rows.items():
            name = f"{fold.test} from {fold.train.split('+')[0]}, {kind}"
            figures |= {f"{name}, top {k}": float(values[order[:k]].mean()) for k in TOP}
    return figures, np.mean(per_gene, axis=0).astype(np.float32)


def _mean_pearson(predicted: Sequence[F32], tissues: Sequence[Tissue]) -> NDArray[np.float64]:
    pairs = zip(predicted, tissues, strict=True)
    found = [pearson_per_gene(x, tissue.measured) for x, tissue in pairs if tissue.measured is not None]
    return np.asarray(np.mean(found, axis=0))


def _learn_to_see(tissues: Sequence[Tissue]) -> Projection:
    """From features to the encoder's output: directions that the looks of these tissues share, then evidence."""
    looks = [[look.reshape(-1, FEATURES) for look in tissue.features] for tissue in tissues]
    weight, bias = tissue_evidence(archive_path(), len(TISSUES))
    return fit_projection(looks, STABLE_DIM).beside(weight / EVIDENCE_SCALE, bias / EVIDENCE_SCALE)


def _embed(projection: Projection, tissue: Tissue) -> list[F32]:
    """Embeddings (n, k, dim) under each look, as `encode_image` gives them."""
    return [projection(look.astype(np.float32)) for look in tissue.features]


def _programmes(tissues: Sequence[Tissue]) -> Programmes:
    parts = [(t.measured, SHALLOW.get(t.patient, 1.0) * t.weight) for t in tissues if t.measured is not None]
    parts += [(t.mixture, MIXTURE_SHARE * t.weight) for t in tissues]
    return fit_programmes([x for x, _ in parts], [w for _, w in parts], np.zeros(1, np.float32), RANK)


def _targets(tissue: Tissue, programmes: Programmes) -> F32:
    targets = programmes.scores(tissue.mixture)
    if tissue.measured is None:
        return targets
    return MIXTURE_SHARE * targets + (1 - MIXTURE_SHARE) * programmes.scores(tissue.measured)


def _fit(tissues: Sequence[Tissue], embedded: Sequence[list[F32]], seed: int) -> tuple[DeepSpotNet, Programmes, F32]:
    """DeepSpot on all looks of the tissues, each centred like a slide of its own."""
    programmes = _programmes(tissues)
    reference = reference_of([look for looks in embedded for look in looks])
    bags = []
    for tissue, looks in zip(tissues, embedded, strict=True):
        targets = _targets(tissue, programmes)
        weights = np.full(len(targets), tissue.weight / len(targets), np.float32)
        bags += [Bags(centre(look, reference), tissue.neighbours, targets, weights) for look in looks]
    net = fit_deepspot(bags, Recipe(), seed)
    return with_reference(net, reference), programmes, reference


def _choose_genes(material: ImageMaterial, programmes: Programmes, data: Path) -> NDArray[np.int64]:
    """Columns of the genes to predict, in alphabetical order: markers of cells and concepts, then the most variable.

    Variable means as the model can see it, in the programmes; a gene that no section ever counted is left out.
    """
    support: dict[str, float] = {}
    for term in knowledge.read_terms(data / "knowledge"):
        if term.source in ("concept", "accordion"):
            for gene, weight in term.weights.items():
                value = CONCEPT_SUPPORT if term.source == "concept" else weight
                support[gene] = max(support.get(gene, 0.0), value)
    counted = material.mean > 0
    column = {gene: j for j, gene in enumerate(material.genes)}
    named = sorted((g for g in support if g in column and support[g] >= 3), key=lambda g: (-support[g], g))
    chosen = [column[gene] for gene in named if counted[column[gene]]][:N_MARKERS]
    scores = np.concatenate(
        [programmes.scores(t.mixture if t.measured is None else t.measured) for t in material.tissues]
    )
    variance = (programmes.loadings**2 * scores.var(axis=0)[:, None]).sum(axis=0) * counted
    taken = set(chosen)
    chosen += [int(j) for j in np.argsort(-variance, kind="stable") if int(j) not in taken][: N_GENES - len(chosen)]
    return np.array(sorted(chosen), np.int64)


def _stability(embedded: Sequence[list[F32]]) -> dict[str, float]:
    """Share of the variance of vectors that is between tiles and not between looks of one tile."""
    between, within = 0.0, 0.0
    for looks in embedded:
        views = np.stack([look[:, 0] for look in looks])
        within += float(((views - views.mean(axis=0)) ** 2).sum())
        between += float(((views.mean(axis=0) - views.mean(axis=(0, 1))) ** 2).sum() * len(views))
    return {"stable share of the vectors' variance": between / (between + within)}
