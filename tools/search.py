"""Search across all prepared slides of a workspace."""

import anndata

from models.registry import load, model_set
from tools.errors import SlideError
from tools.index import Hit, SpotIndex
from tools.prepare import Runtime
from tools.workspace import Workspace


def open_index(workspace: Workspace, models: str, runtime: Runtime) -> SpotIndex:
    """The index of the slides prepared with this model set; slides that it lacks are added from their h5ad."""
    index = SpotIndex(workspace.root / "chroma", model_set(models).joint, runtime.chroma_url)
    ready = searchable(workspace, models)
    if not ready:
        raise SlideError("No slide of the workspace is prepared yet, so there is nothing to search.")
    for name in sorted(set(ready) - index.slides()):
        index.replace_slide(name, anndata.read_h5ad(workspace.folder(name) / "spots.h5ad"))
    return index


def searchable(workspace: Workspace, models: str) -> list[str]:
    """Names of the slides that are prepared with the joint model of this set."""
    joint = model_set(models).joint
    return [s.name for s in workspace.slides() if s.state == "prepared" and model_set(s.options.models).joint == joint]


def search_workspace(workspace: Workspace, query: str, top: int, models: str, runtime: Runtime) -> list[Hit]:
    """The `top` spots of the workspace that match a phrase best, by cosine in joint space.

    An index may hold more: slides that were removed since, and on a server those of other workspaces.
    """
    index = open_index(workspace, models, runtime)
    joint = load(model_set(models).joint, runtime.device, runtime.models_dir)
    return index.search(joint.encode_text([query])[0], top, searchable(workspace, models))
