"""Everything that one run of a benchmark found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tools.benchmark.config import Config
from tools.benchmark.evaluate import Judged, ScoredBy
from tools.benchmark.expression_quality import Quality
from tools.benchmark.patches import PatchRow
from tools.benchmark.samples import Sample
from tools.benchmark.summary import Difference


@dataclass(frozen=True)
class Results:
    """Input, scores, judgement and what it takes to repeat it."""

    config: Config
    samples: Sequence[Sample]
    judged: Sequence[Judged]
    scored: ScoredBy
    differences: Sequence[Difference]
    quality: Sequence[Quality]
    patches: Sequence[PatchRow]
    not_run: Sequence[str]
    provenance: dict[str, Any]
