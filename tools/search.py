"""Search across all prepared slides of a workspace."""

import logging
import threading
from collections.abc import Sequence

from models.protocols import F32
from models.registry import load, model_set
from tools.errors import SlideError
from tools.h5ad import read_h5ad
from tools.index import Hit, IndexDamaged, SpotIndex, discard
from tools.nearest import JointRows, nearest
from tools.prepare import Runtime
from tools.texts import encode_once
from tools.workspace import SlideState, Workspace

log = logging.getLogger(__name__)
# Measured at 1,000,000 spots of 256 dimensions (benchmarks/search.py): the product takes tens of milliseconds and a GB,
# while the graph misses many spots of a text query, whose vector lies far from every spot's.
EXACT_SPOTS = 2_000_000
_HELD = JointRows(EXACT_SPOTS)
_MENDING = threading.Lock()


def open_index(workspace: Workspace, models: str, runtime: Runtime) -> SpotIndex:
    """The index of the slides prepared with this model set; slides that it lacks are added from their h5ad.

    A damaged index is built again from the prepared slides, and the log says so.
    """
    if not searchable(workspace, models):
        raise SlideError("No slide of the workspace is prepared yet, so there is nothing to search.")
    try:
        return _filled(workspace, models, runtime)
    except IndexDamaged as first:
        if runtime.chroma_url is not None:
            raise SlideError(f"The Chroma server at {runtime.chroma_url} fails: {first}.") from first
    with _MENDING:  # whoever comes second finds it mended
        try:
            return _filled(workspace, models, runtime)
        except IndexDamaged as error:
            log.warning("The search index is damaged (%s); it is built again from the prepared slides.", error)
            discard(workspace.root / "chroma")
            return _filled(workspace, models, runtime)


def _filled(workspace: Workspace, models: str, runtime: Runtime) -> SpotIndex:
    index = SpotIndex(workspace.root / "chroma", model_set(models).joint, runtime.chroma_url)
    for name in sorted(set(searchable(workspace, models)) - index.slides()):
        index.replace_slide(name, read_h5ad(workspace.folder(name) / "spots.h5ad"))
    index.probe()
    return index


def searchable(workspace: Workspace, models: str) -> list[str]:
    """Names of the slides that are prepared with the joint model of this set."""
    return [state.name for state in _ready(workspace, models)]


def nearest_spots(
    workspace: Workspace, vector: F32, top: int, models: str, runtime: Runtime, among: Sequence[str] | None = None
) -> list[Hit]:
    """The `top` spots nearest to a unit-norm vector (d,) in the workspace, or in its slides `among`, best first.

    Exact, by a matrix product, up to EXACT_SPOTS spots; beyond, Chroma's graph, which is quicker and misses some.
    """
    ready = [state for state in _ready(workspace, models) if among is None or state.name in among]
    if not ready:
        raise SlideError("No slide of the workspace is prepared yet, so there is nothing to search.")
    if sum(int(state.facts["spots"]) for state in ready) <= EXACT_SPOTS:
        return nearest(workspace, ready, _HELD, vector, top)
    # The index may hold more: slides that were removed since, and on a server those of other workspaces.
    return open_index(workspace, models, runtime).search(vector, top, [state.name for state in ready])


def search_workspace(workspace: Workspace, query: str, top: int, models: str, runtime: Runtime) -> list[Hit]:
    """The `top` spots of the workspace that match a phrase best, by cosine in joint space."""
    joint = load(model_set(models).joint, runtime.device, runtime.models_dir)
    return nearest_spots(workspace, encode_once(joint, [query])[0], top, models, runtime)


def _ready(workspace: Workspace, models: str) -> list[SlideState]:
    joint = model_set(models).joint
    return [s for s in workspace.slides() if s.state == "prepared" and model_set(s.options.models).joint == joint]
