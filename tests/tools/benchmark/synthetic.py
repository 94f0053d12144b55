"""Labelled samples whose scores are made up, so that what the benchmark must find is known."""

from dataclasses import dataclass

import numpy as np

from tools.benchmark.config import Config, Group, parse
from tools.benchmark.samples import Sample, Truth
from tools.benchmark.scored import Role, Scored

CLASSES = ("NOR", "TLS", "TUM")


def config(**changes: object) -> Config:
    value = {
        "name": "synthetic",
        "title": "Synthetic",
        "samples": ["s1"],
        "groups": {"regions": {"title": "Regions", "queries": {name: name.lower() for name in CLASSES}}},
    }
    return parse(value | changes)


def sample(name: str, words: np.ndarray, patient: str | None = None) -> Sample:
    n = len(words)
    grid = np.stack(np.divmod(np.arange(n), 20), axis=1)[:, ::-1] * 100.0
    ids = tuple(f"{name}-{i}" for i in range(n))
    truth = Truth(np.asarray(words, dtype=str))
    return Sample(name, patient or name, ids, grid, np.full(n, name), {"regions": truth}, mpp=1.0)


def random_words(seed: int, n: int = 300, p: tuple[float, ...] = (0.6, 0.1, 0.3)) -> np.ndarray:
    return np.random.default_rng(seed).choice(CLASSES, n, p=p)


@dataclass
class Planted:
    """Noise, with `signal` added where the label is the column's."""

    signal: float
    name: str = "planted"
    role: Role = "model"
    trained_on: str = ""

    def seen(self, sample: Sample) -> bool:
        return sample.patient == self.trained_on

    def score(self, sample: Sample, key: str, group: Group) -> Scored | None:
        rng = np.random.default_rng([7, *sample.name.encode(), *self.name.encode()])
        hit = np.stack([sample.truths[key].words == name for name in group.queries], axis=1)
        return Scored(rng.normal(0, 0.1, hit.shape) + self.signal * hit, "cosine", 10.0)
