"""Training and judging starter-image-text: nuclei that evidence tells of, which scorer to trust, what is probable."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.deepspot import DeepSpotPredictor
from models.protocols import F32
from models.starter_encoder import TISSUES
from models.starter_image_text import FINE_UM, StarterImageText
from models.starter_joint import CALIBRATION, StarterJoint
from models.training.calibration import Labelled, calibration_error, fit_temperature, surprise
from models.training.metrics import auroc
from tools.datasets import consep
from tools.embedded import Embedded
from tools.evaluate_search import KEPT_APART, aurocs, evaluate_search, labelled
from tools.files import write_text
from tools.held_out_scores import (
    ACROSS_ORGANS,
    MAJORITY,
    NUCLEI_QUERIES,
    Asked,
    Ground,
    ask_held_out,
    ask_measured,
)
from tools.image_material import PLAN, Tissue
from tools.image_material import gather as gather_images
from tools.image_words import CONSEP, shipped_words, with_nuclei
from tools.train_image import FOLDS, Fold, held_out
from tools.train_joint import Material
from tools.train_joint import gather as gather_words

COARSE_UM = (2.0, 4.0)  # um/px beside the native scale at which the scorers are compared
WEIGHED = ("invasive cancer", "connective tissue", "adipose tissue", *NUCLEI_QUERIES)
# Scorers of the product, and what they are called where held-out tissue was asked.
SCORES = {"measured": "measured", "molecular": "molecular", "image-text": "image-text", "fused": "product"}
HELD_OUT_ERROR = "calibration error of probabilities, patient held out"
Figures = dict[str, float]


def train_image_text(data: Path, out: Path, seed: int = 0) -> Figures:
    """Fit what nuclei tell, measure reliability and temperatures on held-out tissue; write `out/starter-image-text`.

    The temperatures go beside `out/starter-joint`, whose scores they are for.
    """
    images, words = gather_images(data, out, seed), gather_words(data, seed)
    folds = list(held_out(images, (*FOLDS, ACROSS_ORGANS), seed))
    tissue = next(tissue for tissue in images.tissues if tissue.name == CONSEP)
    counts = consep.fields(consep.read_sources(data / "consep"), PLAN.tile_um or 0.0, PLAN.tile_px).counts
    config = with_nuclei(shipped_words(), _evidence(folds, tissue), counts)
    ground = Ground(images, words, folds, data)
    config["reliability"] = measure_reliability(ground, config, out, seed)
    folder = out / StarterImageText.card.name
    write_text(folder / "config.json", json.dumps(config, indent=1) + "\n")
    figures, temperatures = judge(ground, config, seed)
    errors = {scorer: figures[f"{scorer}, {HELD_OUT_ERROR}"] for scorer in temperatures}
    scorers = {
        scorer: {"temperature": round(value, 3), "error": round(errors[scorer], 3)}
        for scorer, value in temperatures.items()
    }
    calibration = {"predictor": DeepSpotPredictor.card.name, "scorers": scorers}
    write_text(out / StarterJoint.card.name / CALIBRATION, json.dumps(calibration, indent=1) + "\n")
    write_text(folder / "figures.json", json.dumps(figures, indent=1) + "\n")
    return figures


def judge(ground: Ground, config: dict[str, Any], seed: int) -> tuple[Figures, dict[str, float]]:
    """Figures of search, nuclei and probabilities on held-out tissue, and the temperatures."""
    asked = list(ask_held_out(ground, config, further=KEPT_APART))
    figures = evaluate_search(asked, seed)
    figures |= judge_nuclei(ground, config)
    temperatures: dict[str, float] = {}
    measured = list(ask_measured(ground.words))
    for scorer, kind in (
        ("measured", "measured"),
        ("molecular", "molecular"),
        ("image-text", "image-text"),
        ("fused", "product"),
    ):
        sections = measured if scorer == "measured" else asked
        temperatures[scorer], found = judge_probabilities(sections, kind)
        figures |= {f"{scorer}, {name}": value for name, value in found.items()}
    return figures, temperatures


def judge_nuclei(ground: Ground, config: dict[str, Any]) -> Figures:
    """AUROC of CoNSeP's kinds for image-text by source image: weights fitted on the other source images alone."""
    fold = next(fold for fold in ground.folds if fold.test == CONSEP)
    tissue = fold.unseen[0]
    fields = consep.fields(consep.read_sources(ground.data / "consep"), PLAN.tile_um or 0.0, PLAN.tile_px)
    joint = _joint(ground.words)
    looks = _evidence([fold], tissue)
    embedded = fold.embed(tissue.features[0])[:, 0]
    rows = np.zeros((len(embedded), joint.card.dim), np.float32)
    for source in sorted(set(fields.source)):
        held = fields.source == source
        taught = with_nuclei(config, [look[~held] for look in looks], fields.counts[~held])
        rows[held] = StarterImageText(joint, taught).project_image(embedded)[held]
    spots = Embedded(rows, joint, joint.null_texts())
    share = fields.counts / np.maximum(fields.counts.sum(axis=1, keepdims=True), 1)
    return {
        f"image-text by source image, {kind}": auroc(spots.scores(query), share[:, consep.KINDS.index(kind)] > MAJORITY)
        for query, kind in NUCLEI_QUERIES.items()
    }


def measure_reliability(
    ground: Ground, config: dict[str, Any], out: Path, seed: int
) -> dict[str, dict[str, tuple[float, float]]]:
    """Mean AUROC of (molecular, image-text) on held-out tissue per um/px and query."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for um in (FINE_UM, *COARSE_UM):
        coarse = None if um == FINE_UM else (out, um, seed)
        reached: dict[str, list[tuple[float, float]]] = {}
        for section in ask_held_out(ground, config, coarse=coarse):
            own, other = (dict(aurocs(section, section.scores[kind])) for kind in ("molecular", "image-text"))
            for query in own:
                reached.setdefault(query, []).append((own[query], other[query]))
        found[f"{um:g}"] = {query: _mean_pair(reached[query]) for query in WEIGHED if query in reached}
    return found


def judge_probabilities(sections: Iterable[Asked], kind: str) -> tuple[float, Figures]:
    """The temperature of a scorer, and how its probabilities do where their patient was left out of it."""
    by_patient: dict[str, list[Labelled]] = {}
    for section in sections:
        if kind in section.scores:
            rows, label, columns = labelled(section)
            if len(columns) > 1:
                by_patient.setdefault(section.patient, []).append((section.scores[kind][np.ix_(rows, columns)], label))
    held: list[tuple[float, list[Labelled]]] = []
    for patient, own in by_patient.items():
        others = [section for name, some in by_patient.items() if name != patient for section in some]
        held.append((fit_temperature(others), own))
    figures: Figures = {}
    for how, plain in (("probabilities, patient held out", False), ("a softmax of the scores as they are", True)):
        at = [(1.0 if plain else temperature, own) for temperature, own in held]
        weights = [len(own) for _, own in at]
        news = [float(np.mean([surprise(section, t) for section in own])) for t, own in at]
        errors = [calibration_error(own, t) for t, own in at]
        figures[f"surprise of {how} (1 is equal probabilities)"] = float(np.average(news, weights=weights))
        figures[f"calibration error of {how}"] = float(np.average(errors, weights=weights))
    return fit_temperature([section for own in by_patient.values() for section in own]), figures


def _evidence(folds: Sequence[Fold], tissue: Tissue) -> list[F32]:
    """Evidence (n, 9) of the spot tiles under every look; it is the same in every fold."""
    return [folds[0].embed(look[:, :1])[:, 0, -len(TISSUES) :] for look in tissue.features]


def _joint(words: Material) -> StarterJoint:
    from tools.train_joint import fit

    arrays, config, lists = fit(words, words.sections)
    return StarterJoint(arrays, {**config, **lists})


def _mean_pair(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    own, other = np.mean(pairs, axis=0)
    return round(float(own), 3), round(float(other), 3)
