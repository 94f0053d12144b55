"""What a conversation knows, as JSON, and back: what a tool call rests on beside its arguments."""

import base64
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.session import Session
from tools.prepare import Runtime
from tools.prepared import load_prepared
from tools.regions import Region
from tools.workspace import Workspace

State = dict[str, Any]


def state_of(session: Session) -> State:
    """Open slide, regions, clusters, selection, what is on show, and how many ids were given."""
    slide = session.slide
    return {
        "slide": slide.name if slide else None,
        "opened": session.opened,
        "models": session.models,
        "scorer": slide.scorer if slide else None,
        "counts": [session.layer_count, session.region_count],
        "regions": [_region(region) for region in session.regions.values()],
        "clusters": [_region(region) for region in session.clusters.values()],
        "selection": None if session.selection is None else pack(session.selection),
        "shown": list(session.shown_regions),
    }


def session_of(state: State, workspace: Workspace, runtime: Runtime, folders: tuple[Path, ...] = ()) -> Session:
    """A session in that state. Raises SlideError where its slide is no longer prepared."""
    session = Session(workspace, models=state.get("models"), runtime=runtime)
    session.slide_folders = (*folders, *session.slide_folders)
    if state["slide"]:
        session.show(state["slide"], load_prepared(workspace, state["slide"], runtime.device, runtime.models_dir))
    session.opened = state["opened"] or session.opened
    session.layer_count, session.region_count = state["counts"]
    session.regions = {entry["id"]: _as_region(entry) for entry in state["regions"]}
    session.clusters = {entry["id"]: _as_region(entry) for entry in state["clusters"]}
    session.selection = None if state["selection"] is None else unpack(state["selection"])
    session.shown_regions = tuple(state["shown"])
    return session


def pack(rows: NDArray[np.int64]) -> str:
    """Row numbers in order, as a short text."""
    steps = np.diff(np.asarray(rows, np.int64), prepend=0).astype("<i4")
    return base64.b64encode(zlib.compress(steps.tobytes(), 9)).decode("ascii")


def unpack(text: str) -> NDArray[np.int64]:
    """What `pack` was given."""
    steps = np.frombuffer(zlib.decompress(base64.b64decode(text)), "<i4")
    return np.cumsum(steps, dtype=np.int64)


def _region(region: Region) -> State:
    return {"id": region.id, "query": region.query, "area_um2": region.area_um2, "spots": pack(region.spots)}


def _as_region(entry: State) -> Region:
    return Region(entry["id"], entry["query"], unpack(entry["spots"]), (), entry["area_um2"])
