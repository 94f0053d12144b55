"""Spots like a region, here or in other slides, through the index."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.errors import ToolError
from tools.index import Hit
from tools.prepare import Runtime
from tools.prepared import PreparedSlide
from tools.search import nearest_spots
from tools.workspace import Workspace

MOST = 200


@dataclass(frozen=True)
class Similar:
    """Nearest spots by cosine, best first, and how similar the region is to itself (mean cosine of its spots)."""

    hits: tuple[Hit, ...]
    within: float

    def by_slide(self) -> dict[str, int]:
        """How many of the hits each slide holds, most first."""
        return dict(Counter(hit.slide for hit in self.hits).most_common())


def similar_spots(
    workspace: Workspace,
    slide: PreparedSlide,
    rows: NDArray[np.int64],
    slides: Sequence[str],
    runtime: Runtime,
    top: int = 30,
) -> Similar:
    """The `top` spots of `slides` nearest to the mean direction of the spots `rows`, without these themselves.

    Raises ToolError where no slide is left to search or the spots have no direction in common.
    """
    if not slides:
        raise ToolError("There is no other prepared slide in the workspace to search.")
    x = np.asarray(slide.adata.obsm["X_joint"], np.float32)
    mean = x[rows].mean(axis=0)
    length = float(np.linalg.norm(mean))
    if length < 1e-6:
        raise ToolError("The spots of this region have nothing in common that could be searched for.")
    models = slide.state.options.models
    top = min(max(top, 1), MOST)
    own = {slide.spots.ids[row] for row in rows}
    more = len(own) if slide.name in slides else 0
    found = nearest_spots(workspace, mean / length, top + more, models, runtime, slides)
    hits = [hit for hit in found if hit.slide != slide.name or hit.spot not in own]
    return Similar(tuple(hits[:top]), float((x[rows] @ (mean / length)).mean()))
