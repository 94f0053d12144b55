"""Built-in models of which a patient was held out, trained by the project's own functions and kept in a folder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.card import WEIGHTS
from tools.benchmark.config import Config
from tools.errors import ToolError
from tools.files import digest, read_json, sha256, write_json

# Patients whose tissue teaches the fold of the patient in front.
TEACHERS = {"B": ("C", "consep"), "C": ("B", "consep"), "consep": ("B", "C")}
IMAGE_TEXT = "starter-image-text"
ROOT = WEIGHTS.parent.parent
TRAINING_CODE = (
    "models/training/*.py", "models/centring.py", "tools/train_image.py", "tools/train_joint.py",
    "tools/image_material.py", "tools/datasets/*.py",
)  # fmt: skip


@dataclass(frozen=True)
class Fold:
    """Weights of one fold: `folder` stands in for the models' folder; `stale` where the training code changed since."""

    test: str
    train: tuple[str, ...]
    folder: Path
    stale: bool


def patients_of(config: Config) -> set[str]:
    """Patients of a benchmark that the built-in models learned from."""
    if config.dataset == "her2st":
        return {name[0] for name in config.samples}
    return {"consep"} if config.dataset == "consep" else set()


def training_code() -> str:
    """Digest of the code that trains the built-in models."""
    paths = sorted(path for pattern in TRAINING_CODE for path in ROOT.glob(pattern))
    return digest([[path.name, sha256(path)] for path in paths])


def fold(root: Path, test: str) -> Fold | None:
    """The fold of a patient as it lies in `root`, None where it was not trained."""
    facts = read_json(root / test / "fold.json")
    if not facts:
        return None
    return Fold(test, tuple(facts["train"]), root / test, facts["code"] != training_code())


def train_folds(data: Path, root: Path, tests: Sequence[str], seed: int = 0) -> list[Fold]:
    """Train encoder, head and joint space without each patient of `tests`; write `root/<patient>`.

    `data` holds her2st, consep and knowledge; what folds share is kept in `root/.looks`. Raises ToolError for a patient
    that the built-in models never learned from, and where the training data is not there.
    """
    unknown = [test for test in tests if test not in TEACHERS]
    if unknown:
        raise ToolError(f"There is no fold for {', '.join(unknown)}; folds: {', '.join(TEACHERS)}.")
    absent = [name for name in ("her2st", "consep", "knowledge") if not (data / name).is_dir()]
    if absent:
        raise ToolError(f"Held-out weights need {', '.join(absent)} in {data}; see models/weights for the data.")
    from tools.image_material import gather
    from tools.image_words import shipped_words, words_of_fold
    from tools.train_image import write_deepspot, write_encoder

    material = gather(data, root, seed)
    for test in tests:
        train = TEACHERS[test]
        seen = [tissue for tissue in material.tissues if tissue.patient in train]
        folder = root / test
        part = replace(material, tissues=seen, mean=_mean(data, train, material.genes))
        write_encoder(seen, folder)
        write_deepspot(part, np.full(len(part.genes), np.nan, np.float32), data, folder, seed)
        _write_joint(data, folder, test, seed)
        # Words for what the fold's encoder sees, in the fold's joint space.
        write_json(folder / IMAGE_TEXT / "config.json", words_of_fold(shipped_words(), "+".join(train)))
        write_json(folder / "fold.json", {"test": test, "train": list(train), "seed": seed, "code": training_code()})
    return [found for test in tests if (found := fold(root, test)) is not None]


def _mean(data: Path, patients: Sequence[str], genes: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Mean expression (g,) over the sections of these patients."""
    from tools.datasets import her2st
    from tools.datasets.sections import log1p_cp10k
    from tools.image_material import at_genes

    sections = [her2st.read_section(data / "her2st", name) for name in her2st.WITH_IMAGE if name[0] in patients]
    means = [at_genes(log1p_cp10k(section.counts), section.genes, genes).mean(axis=0) for section in sections]
    return np.asarray(np.mean(means, axis=0), np.float32)


def _write_joint(data: Path, folder: Path, test: str, seed: int) -> None:
    """The joint space without the region contrasts of the held-out patient."""
    from tools.train_joint import fit, gather, write_joint

    material = gather(data, seed)
    fitted = fit(material, [section for section in material.sections if section.patient != test])
    write_joint(folder, *fitted)
