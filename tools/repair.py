"""Mending what `verify_workspace` found."""

from collections.abc import Sequence

from models.card import ModelUnavailable
from models.registry import model_set
from tools.errors import SlideError
from tools.files import sweep
from tools.index import discard
from tools.prepare import Runtime, prepare
from tools.search import open_index
from tools.tiles import Progress
from tools.verify import INDEX, Verdict
from tools.workspace import Workspace


def repair(workspace: Workspace, verdicts: Sequence[Verdict], runtime: Runtime, progress: Progress) -> list[str]:
    """Prepare broken slides again, build a broken index again, remove leftovers; what was done or could not be."""
    said = []
    swept = sweep(workspace.root)
    if swept:
        said.append(f"removed {len(swept)} half-written files")
    if any(INDEX in fault for verdict in verdicts for fault in verdict.faults) and runtime.chroma_url is None:
        discard(workspace.root / "chroma")
    for verdict in verdicts:
        if not verdict.faults or verdict.slide is None:
            continue
        try:
            prepare(workspace, verdict.name, None, runtime, progress)
        except (SlideError, ModelUnavailable) as error:
            said.append(f"{verdict.name} could not be prepared again: {error}")
        else:
            said.append(f"{verdict.name} is whole again")
    sets = {state.options.models for state in workspace.slides() if state.state == "prepared"}
    for models in sorted({model_set(name).joint: name for name in sets}.values()):
        open_index(workspace, models, runtime)
    return said
