"""Scores of one scorer for one sample and group, and the kinds in which they can be judged."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from models.protocols import F32
from tools.benchmark.config import Group
from tools.benchmark.metrics import F64, softmax
from tools.benchmark.samples import Sample
from tools.errors import ToolError
from tools.score import against_null

Role = Literal["model", "upper bound", "floor"]


@dataclass(frozen=True)
class Scored:
    """`raw` (n, q) one column per query of the group, in its order; `what` raw is, such as "cosine".

    `scale` is the factor before a softmax over the group; `null` (n, p) what unrelated phrases score. A column of NaN
    is a class that this scorer cannot score; a NaN anywhere else is an error.
    """

    raw: F64
    what: str
    scale: float = 1.0
    null: F32 | None = None

    def kinds(self) -> dict[str, F64]:
        """The scores in every kind by name; the first is the paper's: softmax over the group at the model's scale."""
        found = {"softmax": softmax(self.raw, self.scale), self.what: self.raw}
        if self.scale != 1.0:
            found["softmax at scale 1"] = softmax(self.raw, 1.0)
        if self.null is not None:
            found["against unrelated phrases"] = self.against_null()
        return found

    def against_null(self) -> F64:
        """(n, q) in SDs of what unrelated phrases score. Raises ValueError where they were not scored."""
        if self.null is None:
            raise ValueError("There are no scores of unrelated phrases.")
        return np.asarray(against_null(self.raw.astype(np.float32), self.null), np.float64)


def checked(scored: Scored, scorer: str, sample: str) -> Scored:
    """The same. Raises ToolError where single scores are missing."""
    bad = ~np.isfinite(scored.raw)
    partly = bad.any(axis=0) & ~np.isnan(scored.raw).all(axis=0)
    if partly.any():
        row = int(np.flatnonzero(bad[:, partly].any(axis=1))[0])
        n = int(bad[:, partly].any(axis=1).sum())
        raise ToolError(f"{sample}: {scorer} has no finite score for {n} spots, the first in row {row}.")
    return scored


class Scorer(Protocol):
    """Something that scores spots for the queries of a group."""

    @property
    def name(self) -> str:
        """Its name in the tables."""
        ...

    @property
    def role(self) -> Role:
        """Model, upper bound or floor."""
        ...

    def seen(self, sample: Sample) -> bool:
        """Whether what scores was trained on this sample's patient."""
        ...

    def score(self, sample: Sample, key: str, group: Group) -> Scored | None:
        """Scores of the sample's spots for the group `key`; None where this scorer cannot score this sample."""
        ...


def z_scores(x: NDArray[np.floating]) -> F64:
    """Columns with mean 0 and SD 1 over the rows; a constant column is 0."""
    x = np.asarray(x, np.float64)
    return np.asarray((x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9))
