"""Training and judging the joint space: knowledge and labelled regions to directions, MiniLM to the way there."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models import checkpoint
from models.null_phrases import NULL_PHRASES
from models.protocols import F32
from models.starter_joint import Z_LIMIT, StarterJoint, plain
from models.training.joint import JointFit, fit_joint, knowledge_basis
from models.training.metrics import auroc
from models.training.signatures import (
    class_profiles,
    contrast_signatures,
    gene_space,
    profile_contrasts,
    standardised_profiles,
    unit,
)
from models.training.targets import CLASSES
from tools.datasets import her2st, knowledge
from tools.datasets.sections import Section, log1p_cp10k
from tools.files import write_text

DIM = 256
SCALE_FLOOR = 0.2
# How much a text of each collection counts; concepts are what people ask for, GO processes are many and vague.
SOURCE_WEIGHT = {
    "concept": 6.0, "accordion": 1.5, "hallmark": 1.5, "hlca": 1.0, "3ca": 1.0, "hra": 0.7, "c8": 0.5, "profile": 0.5,
    "go": 0.15,
}  # fmt: skip
MARKER_SOURCES = ("concept", "accordion", "c8", "hra")
GO_SIZE = (15, 200)
# Concepts of immune cells with the classes of reference profiles that are of their kind. What sets a class apart from
# all others finds infiltrates that marker lists miss where expression is inferred: there, genes move in programmes.
LYMPHOCYTES = ("T-cells", "B-cells", "Plasma Cells")
IMMUNE_CLASSES: dict[str, tuple[str, ...]] = {
    "immune cells": (*LYMPHOCYTES, "Myeloid"), "immune infiltrate": (*LYMPHOCYTES, "Myeloid"),
    "lymphocytes": ("T-cells",), "T cells": ("T-cells",), "CD8 T cells": ("T-cells",), "CD4 T cells": ("T-cells",),
    "regulatory T cells": ("T-cells",), "exhausted T cells": ("T-cells",), "B cells": ("B-cells",),
    "tertiary lymphoid structure": ("B-cells",), "plasma cells": ("Plasma Cells",), "macrophages": ("Myeloid",),
    "monocytes": ("Myeloid",), "dendritic cells": ("Myeloid",), "Langerhans cells": ("Myeloid",),
}  # fmt: skip
PROFILE_SHARE = 0.5  # of a class's contrast beside the markers' signature
QUERIES = (
    "invasive cancer", "cancer in situ", "connective tissue", "adipose tissue", "immune infiltrate", "breast glands",
)  # fmt: skip
PARAPHRASES = (
    "malignant tumour cells invading the tissue", "cancer confined to the ducts", "bands of dense fibrous tissue",
    "fat lobules", "dense infiltration by white blood cells", "healthy milk ducts",
)  # fmt: skip


@dataclass(frozen=True)
class Vocabulary:
    """Texts (t,), the signature row of each, its weight, and whether it is kept for look-up."""

    texts: list[str]
    rows: NDArray[np.int64]
    weights: F32
    kept: NDArray[np.bool_]


@dataclass(frozen=True)
class Material:
    """Everything that does not depend on which patients are held out."""

    genes: tuple[str, ...]
    gene_scale: F32
    gene_mean: F32
    terms: list[knowledge.Term]
    signatures: F32
    basis: F32
    vocabulary: Vocabulary
    embeddings: F32
    sections: list[Section]
    expression: list[F32]


def train_joint(data: Path, out: Path, seed: int = 0) -> dict[str, float]:
    """Train on everything, write `out/starter-joint`, return the figures of the patient-held-out evaluation."""
    material = gather(data, seed)
    figures = evaluate_joint(material, seed)
    folder = write_joint(out, *fit(material, material.sections))
    write_text(folder / "figures.json", json.dumps(figures, indent=1) + "\n")
    return figures


def write_joint(out: Path, arrays: checkpoint.Arrays, config: dict[str, object], lists: dict[str, object]) -> Path:
    """What `fit` gave, written to `out/starter-joint`."""
    folder = out / StarterJoint.card.name
    halved = {name: array.astype(np.float16 if array.ndim > 1 else np.float32) for name, array in arrays.items()}
    checkpoint.write(folder, halved, config)
    write_text(folder / "terms.json", json.dumps(lists) + "\n")
    return folder


def gather(data: Path, seed: int) -> Material:
    """Read knowledge and labelled sections, build signatures, their basis and the embedded vocabulary."""
    from models.networks.sentence import SentenceEncoder

    profiles = knowledge.read_profiles(data / "knowledge")
    sections = [her2st.read_section(data / "her2st", name) for name in her2st.WITH_LABELS]
    measured = {gene for section in sections for gene in section.genes}
    genes = tuple(sorted(measured & set(profiles.genes)))
    known = set(genes)
    terms = [term for term in knowledge.read_terms(data / "knowledge") if _usable(term, known)]
    column = {gene: j for j, gene in enumerate(profiles.genes)}
    profiles_z = standardised_profiles(profiles.x[:, [column[gene] for gene in genes]], profiles.study)
    space = gene_space(genes, [term.weights for term in terms if term.source in MARKER_SOURCES], profiles_z)
    signatures = np.concatenate([space.signatures([term.weights for term in terms]), unit(profiles_z)])
    vocabulary = _vocabulary(terms, profiles)
    expression = [aligned(section, genes) for section in sections]
    gene_scale = np.sqrt(np.mean([x.var(axis=0) for x in expression], axis=0)) + SCALE_FLOOR
    by_class = class_profiles(profiles.x, profiles.cell_type, profiles.study, CLASSES)
    at_genes = {name: profile[[column[gene] for gene in genes]] for name, profile in by_class.items()}
    _add_classes(signatures, terms, profile_contrasts(at_genes, gene_scale))
    return Material(
        genes=genes,
        gene_scale=gene_scale.astype(np.float32),
        gene_mean=np.mean([x.mean(axis=0) for x in expression], axis=0).astype(np.float32),
        terms=terms,
        signatures=signatures,
        basis=knowledge_basis(signatures, vocabulary.rows, vocabulary.weights, DIM - len(QUERIES), seed),
        vocabulary=vocabulary,
        embeddings=SentenceEncoder().encode(vocabulary.texts),
        sections=sections,
        expression=expression,
    )


def aligned(section: Section, genes: Sequence[str]) -> F32:
    """log1p CP10K of a section (over all its genes) at `genes`; a gene that the section never counted is 0."""
    where = {gene: j for j, gene in enumerate(section.genes)}
    x = log1p_cp10k(section.counts)
    out = np.zeros((len(x), len(genes)), np.float32)
    present = [j for j, gene in enumerate(genes) if gene in where]
    out[:, present] = x[:, [where[genes[j]] for j in present]]
    return out


def fit(material: Material, train: Sequence[Section]) -> tuple[checkpoint.Arrays, dict[str, object], dict[str, object]]:
    """Arrays, config and word lists of a joint model that has seen the regions of `train` only."""
    signatures, contrasts = _with_regions(material, {section.name for section in train})
    vocabulary = material.vocabulary
    found: JointFit = fit_joint(
        signatures, vocabulary.rows, material.embeddings, vocabulary.weights, _extended(material.basis, contrasts)
    )
    arrays = {
        "basis": found.basis,
        "gene_scale": material.gene_scale,
        "gene_mean": material.gene_mean,
        "text_map": found.text_map,
        "text_mean": found.text_mean,
        "term_texts": material.embeddings[vocabulary.kept],
        "term_codes": found.codes[vocabulary.kept],
    }
    config = {
        "dim": DIM,
        "text_width": material.embeddings.shape[1],
        "logit_scale": 20.0,
        "sharpness": 30.0,
        "gate": [0.75, 0.06],
    }
    kept = [text for text, keep in zip(vocabulary.texts, vocabulary.kept, strict=True) if keep]
    return arrays, config, {"genes": list(material.genes), "terms": kept}


def evaluate_joint(material: Material, seed: int) -> dict[str, float]:
    """Macro AUROC over pathologist regions of measured sections, each with its patient held out, beside two nulls."""
    words: dict[str, list[float]] = {}
    paraphrases: dict[str, list[float]] = {}
    phrases: list[float] = []
    random_sets: list[float] = []
    rng = np.random.default_rng(seed)
    for section, x in zip(material.sections, material.expression, strict=True):
        arrays, config, lists = fit(
            material, [other for other in material.sections if other.patient != section.patient]
        )
        model = StarterJoint(arrays, {**config, **lists})
        spots = model.embed_expression(x, material.genes)
        for queries, found in ((QUERIES, words), (PARAPHRASES, paraphrases)):
            for label, value in _aurocs(spots @ model.encode_text(queries).T, section.labels):
                found.setdefault(label, []).append(value)
        null = spots @ model.encode_text(NULL_PHRASES).T
        phrases += [
            value for j in range(len(NULL_PHRASES)) for _, value in _aurocs(null[:, [j] * len(QUERIES)], section.labels)
        ]
        sets = np.stack([x[:, rng.choice(x.shape[1], 15, replace=False)].mean(axis=1) for _ in range(100)], axis=1)
        random_sets += [value for j in range(100) for _, value in _aurocs(sets[:, [j] * len(QUERIES)], section.labels)]
    figures = {f"auroc {label}": float(np.mean(values)) for label, values in words.items()}
    figures |= {f"auroc paraphrase of {label}": float(np.mean(values)) for label, values in paraphrases.items()}
    figures["macro auroc"] = float(np.mean([np.mean(values) for values in words.values()]))
    figures["macro auroc paraphrases"] = float(np.mean([np.mean(values) for values in paraphrases.values()]))
    figures["unrelated phrases mean"] = float(np.mean(phrases))
    figures["unrelated phrases 95th percentile"] = float(np.percentile(phrases, 95))
    figures["random gene sets mean"] = float(np.mean(random_sets))
    figures["random gene sets 95th percentile"] = float(np.percentile(random_sets, 95))
    return figures


def _aurocs(scores: F32, labels: NDArray[np.str_]) -> Iterable[tuple[str, float]]:
    known = labels != ""
    for j, label in enumerate(QUERIES):
        truth = labels[known] == label
        if 5 <= truth.sum() < len(truth):
            yield label, auroc(scores[known, j], truth)


def _usable(term: knowledge.Term, known: set[str]) -> bool:
    size = sum(gene in known for gene in term.weights)
    return GO_SIZE[0] <= size <= GO_SIZE[1] if term.source == "go" else size >= 3


def _vocabulary(terms: list[knowledge.Term], profiles: knowledge.Profiles) -> Vocabulary:
    entries: list[tuple[str, int, float, bool]] = []
    for row, term in enumerate(terms):
        share = 1.0 if term.source == "concept" else len(term.texts) ** -0.5
        weight = SOURCE_WEIGHT.get(term.source, 1.0) * share
        entries += [(plain(text), row, weight, term.source != "go") for text in term.texts]
    for number, (cell_type, tissue) in enumerate(zip(profiles.cell_type, profiles.tissue, strict=True)):
        for text in (cell_type, f"{cell_type} of the {tissue.replace('_', ' ')}"):
            entries.append((plain(text), len(terms) + number, SOURCE_WEIGHT["profile"], True))
    first = {text: i for i, (text, _, _, keep) in reversed(list(enumerate(entries))) if keep}
    kept = np.array([first.get(text) == i for i, (text, *_) in enumerate(entries)])
    return Vocabulary(
        [text for text, *_ in entries], np.array([row for _, row, *_ in entries]),
        np.array([weight for *_, weight, _ in entries], np.float32), kept,
    )  # fmt: skip


def _add_classes(signatures: F32, terms: list[knowledge.Term], contrasts: dict[str, F32]) -> None:
    """Lean the signatures of immune concepts, in place, towards the contrasts (g,) of their classes."""
    for row, term in enumerate(terms):
        classes = IMMUNE_CLASSES.get(term.texts[0], ()) if term.source == "concept" else ()
        if classes:
            contrast = unit(np.sum([contrasts[name] for name in classes], axis=0)[None])[0]
            signatures[row] = unit((signatures[row] + PROFILE_SHARE * contrast)[None])[0]


def _with_regions(material: Material, train: set[str]) -> tuple[F32, F32]:
    """Signatures in which concepts named like a pathologist's label also hold that label's contrast in `train`."""
    found: dict[str, list[F32]] = {}
    for section, x in zip(material.sections, material.expression, strict=True):
        if section.name in train:
            z = np.clip((x - x.mean(axis=0)) / material.gene_scale, -Z_LIMIT, Z_LIMIT)
            for label, contrast in contrast_signatures(z - z.mean(axis=1, keepdims=True), section.labels).items():
                found.setdefault(label, []).append(contrast)
    contrasts = {label: unit(np.mean(rows, axis=0)[None])[0] for label, rows in found.items()}
    signatures = material.signatures.copy()
    for row, term in enumerate(material.terms):
        for label in contrasts:
            if term.source == "concept" and label in term.texts:
                signatures[row] = unit((signatures[row] + contrasts[label])[None])[0]
    return signatures, np.stack([contrasts[label] for label in sorted(contrasts)])


def _extended(basis: F32, contrasts: F32) -> F32:
    """`basis` plus what of the contrasts lies outside it, rows orthonormal, DIM in all (missing labels leave zeros)."""
    rest = contrasts - (contrasts @ basis.T) @ basis
    extra = np.linalg.qr(rest.T)[0].T[: DIM - len(basis)]
    padding = np.zeros((DIM - len(basis) - len(extra), basis.shape[1]))
    return np.concatenate([basis, extra, padding]).astype(np.float32)
