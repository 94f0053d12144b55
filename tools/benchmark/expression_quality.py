"""Predicted against measured expression: Pearson per gene over the spots of a sample, beside floors.

As in HEST-bench, figures are means over the most variable genes. Ranks come from the measured samples of other patients
where there are any, so that the test sample does not choose its own genes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV

from models.deepspot import read_genes, write_genes
from models.protocols import F32
from models.registry import model_class, model_set
from models.training.metrics import pearson_per_gene
from tools.benchmark.floors import colour_statistics, tile_um
from tools.benchmark.metrics import F64
from tools.benchmark.roads import Roads
from tools.benchmark.samples import Sample
from tools.benchmark.scored import z_scores
from tools.errors import ToolError

TOP = (50, 200, 1000)
ALPHAS = np.logspace(0, 5, 11)
RIDGE = "ridge on the same embeddings"
COLOUR = "ridge on colour statistics"
MEAN = "mean of the training samples"


@dataclass(frozen=True)
class Quality:
    """One predictor on one sample: mean Pearson r by number of top genes, r per gene, whether the patient was seen."""

    sample: str
    patient: str
    predictor: str
    seen: bool
    spots: int
    ranked_by: str
    top: dict[str, float]
    per_gene: dict[str, float] = field(repr=False)


def expression_quality(samples: Sequence[Sample], teachers: Sequence[Sample], roads: Roads) -> list[Quality]:
    """Every sample with a slide and measured expression. `teachers` teach the floors, never their own patient."""
    found = []
    for sample in samples:
        measured = sample.measured()
        if sample.slide is None or measured is None:
            continue
        predicted = roads.slide(sample).adata
        genes = [str(gene) for gene in predicted.var_names if gene in measured.var_names]
        if not genes:
            raise ToolError(f"{sample.name}: no predicted gene was measured; are these human gene symbols?")
        truth = np.asarray(measured[:, genes].X, np.float32)
        others = [t for t in teachers if t.patient != sample.patient and t.slide is not None and t.read_measured]
        taught = [_at(teacher, genes) for teacher in others]
        variance = np.mean([x.var(axis=0) for x in taught], axis=0) if taught else truth.var(axis=0)
        order = np.argsort(-variance, kind="stable")
        predictions = {model_set(roads.models).predictor: np.asarray(predicted[:, genes].X, np.float32)}
        predictions[MEAN] = np.zeros_like(truth)
        if taught:
            predictions |= _floors(sample, others, taught, roads)
        for name, x in predictions.items():
            r = pearson_per_gene(x, truth)
            seen = name not in (MEAN, COLOUR) and _seen(roads, sample.patient, name)
            top = {str(k): float(r[order[:k]].mean()) for k in TOP if k <= len(genes)} | {"all": float(r.mean())}
            by = "other patients" if taught else "this sample"
            per_gene = dict(zip(genes, map(float, r), strict=True))
            found.append(Quality(sample.name, sample.patient, name, seen, len(truth), by, top, per_gene))
    return found


def _seen(roads: Roads, patient: str, name: str) -> bool:
    models = model_set(roads.models)
    names = (models.encoder,) if name == RIDGE else (models.encoder, models.predictor)
    return any(roads.seen(model, patient) for model in names)


def _at(sample: Sample, genes: Sequence[str]) -> F32:
    """Measured log1p CP10K (n, g) at `genes`, 0 where a gene was not measured."""
    data = sample.measured()
    if data is None:
        raise ValueError(f"{sample.name} has no measured expression.")
    column = {str(gene): j for j, gene in enumerate(data.var_names)}
    out = np.zeros((data.n_obs, len(genes)), np.float32)
    known = [j for j, gene in enumerate(genes) if gene in column]
    out[:, known] = np.asarray(data.X, np.float32)[:, [column[genes[j]] for j in known]]
    return out


def _floors(sample: Sample, others: Sequence[Sample], taught: Sequence[F32], roads: Roads) -> dict[str, F32]:
    """Ridge from the other patients' colours, and from their embeddings by the same encoder, to centred expression."""
    y = np.concatenate([x - x.mean(axis=0) for x in taught])
    um = tile_um(roads.models)

    def colours(item: Sample) -> F64:
        return z_scores(colour_statistics(item, um))

    def embedded(item: Sample) -> F64:
        tiles = roads.embeddings(item, sample.patient)
        parts = [tiles[:, 0], tiles[:, 1:].mean(axis=1)] if tiles.shape[1] > 1 else [tiles[:, 0]]
        return z_scores(np.concatenate(parts, axis=1))

    found = {}
    for name, features in ((COLOUR, colours), (RIDGE, embedded)):
        ridge = RidgeCV(ALPHAS).fit(np.concatenate([features(other) for other in others]), y)
        found[name] = np.asarray(ridge.predict(features(sample)), np.float32)
    return found


def gene_rows(found: Sequence[Quality]) -> list[dict[str, str | float]]:
    """A row per sample, predictor and gene."""
    return [
        {"sample": part.sample, "predictor": part.predictor, "gene": gene, "pearson": r}
        for part in found
        for gene, r in part.per_gene.items()
    ]


def reliability(found: Sequence[Quality], predictor: str) -> dict[str, float]:
    """Mean r per gene over patients, each the mean of its samples. Raises ToolError where a patient was seen."""
    own = [part for part in found if part.predictor == predictor]
    flattering = sorted({part.patient for part in own if part.seen})
    if flattering or not own:
        who = f"patients {', '.join(flattering)} taught these weights" if flattering else "nothing was judged"
        raise ToolError(f"Reliability must come from patients that were held out; {who}. Use --held-out.")
    patients = {part.patient for part in own}
    genes = sorted({gene for part in own for gene in part.per_gene})
    values = np.full((len(patients), len(genes)), np.nan)
    for row, patient in enumerate(sorted(patients)):
        parts = [part.per_gene for part in own if part.patient == patient]
        values[row] = [np.mean([part.get(gene, np.nan) for part in parts]) for gene in genes]
    known = np.isfinite(values)
    mean = np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return {gene: float(mean[j]) for j, gene in enumerate(genes) if known[:, j].any()}


def write_reliability(found: Sequence[Quality], roads: Roads) -> int:
    """Write reliability into the shipped predictor's genes.csv; how many genes got one.

    Slides that are prepared from then on carry it in `var["reliability"]`. Raises ToolError for a predictor without
    that file.
    """
    card = model_class(model_set(roads.models).predictor).card
    path = card.folder(roads.models_dir) / "genes.csv"
    if not path.is_file():
        raise ToolError(f"{card.name} keeps no table of genes at {path}, so reliability cannot be written.")
    values = reliability(found, card.name)
    genes, ensembl_ids, _ = read_genes(path)
    column: NDArray[np.float32] = np.array([values.get(gene, np.nan) for gene in genes], np.float32)
    write_genes(path, (genes, ensembl_ids, column))
    return int(np.isfinite(column).sum())
