"""What unrelated phrases look like on a slide: the yardstick for every score."""

from collections.abc import Hashable
from functools import lru_cache
from typing import cast

import numpy as np

from models.protocols import F32, JointModel
from tools.prepared import PreparedSlide
from tools.score import against_null, score


@lru_cache(maxsize=4)
def _vectors(joint: Hashable) -> F32:
    assert isinstance(joint, JointModel)
    return joint.encode_text(joint.null_texts())


def null_maps(slide: PreparedSlide) -> F32:
    """(n, p) scores of p unrelated phrases, in the units of every other score (their own SD)."""
    cosines = score(np.asarray(slide.adata.obsm["X_joint"], np.float32), _vectors(cast(Hashable, slide.joint)))
    return against_null(cosines, cosines)
