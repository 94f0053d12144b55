"""The workspace: one folder per slide, and what is known about each.

workspace/
  slides/<name>/slide.json      which file, its mpp, how it is prepared
                recipes.json    stage -> hash of what made its output
                checksums.json  file -> size, time, SHA-256 as written
                spots.npz       the spots
                embeddings.npy  tile embeddings (n, k, d)
                spots.h5ad      expression and joint embedding
  cache/tiles/                  tile embeddings by content, shared by preparations; may be deleted
  chroma/                       the index over all slides; may be deleted and is rebuilt
"""

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from tools.checksums import cut
from tools.errors import SlideError
from tools.files import digest, read_json, write_json

State = Literal["new", "tiled", "prepared"]


@dataclass(frozen=True)
class PrepareOptions:
    """How a slide is prepared. None lets the slide (mpp) or the specimen's size (pitch) decide."""

    mpp: float | None = None
    spots_path: Path | None = None
    spot_um: float = 55.0
    pitch_um: float | None = None
    layout: Literal["hex", "square"] = "hex"
    models: str = "starter"


@dataclass(frozen=True)
class SlideState:
    """A slide of the workspace: `state` is new, tiled (spots only) or prepared."""

    name: str
    path: Path
    options: PrepareOptions
    state: State
    facts: dict[str, Any] = field(default_factory=dict)  # mpp, spots, genes, pitch_um, ... as the stages noted them

    @property
    def mpp(self) -> float | None:
        """Um per level-0 pixel, once known."""
        return self.facts.get("mpp", self.options.mpp)


@dataclass(frozen=True)
class Workspace:
    """Folder of all slides. `demo` is the file that the name "demo" stands for."""

    root: Path
    demo: Path | None = None

    def folder(self, name: str) -> Path:
        """Folder of a slide. `name` is checked: it never leads out of the workspace."""
        if not re.fullmatch(r"[\w][\w.+ -]{0,120}", name):
            raise SlideError(f"'{name}' is not the name of a slide in this workspace.")
        return self.root / "slides" / name

    def lock(self, name: str) -> FileLock:
        """Lock that one process holds while it writes a slide's folder."""
        folder = self.folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / ".lock")

    def slides(self) -> list[SlideState]:
        """All slides by name."""
        files = sorted((self.root / "slides").glob("*/slide.json"))
        return [state for path in files if (state := _read_state(path.parent)) is not None]

    def get(self, name: str) -> SlideState:
        """The slide called `name`; an unknown name answers with the known ones."""
        state = _read_state(self.folder(name))
        if state is None:
            known = ", ".join(slide.name for slide in self.slides()) or "none yet"
            raise SlideError(f"There is no slide '{name}' in the workspace (known: {known}).")
        return state

    def find(self, slide: str) -> SlideState:
        """A slide by its name, by "demo", or by the path of its file, known to the workspace or not yet.

        Raises SlideError where it is neither a name nor a file.
        """
        names = {state.name: state for state in self.slides()}
        if slide in names:
            return names[slide]
        path = self._path_of(slide)
        for state in names.values():
            if path.resolve() in (state.path, state.options.spots_path):
                return state
        if not path.exists():
            known = ", ".join(names) or "none yet"
            raise SlideError(f"'{slide}' is neither a slide of the workspace (known: {known}) nor a file.")
        return SlideState(self._free_name(path), path.resolve(), PrepareOptions(), "new")

    def register(self, state: SlideState) -> None:
        """Write what is known about a slide."""
        options = asdict(state.options)
        options["spots_path"] = str(state.options.spots_path) if state.options.spots_path else None
        entry = {"path": str(state.path), "options": options, "facts": state.facts}
        write_json(self.folder(state.name) / "slide.json", entry)

    def _path_of(self, slide: str) -> Path:
        if slide == "demo" and self.demo is not None:
            if not self.demo.exists():
                raise SlideError(f"The demo slide is not at {self.demo}; `make demo` brings it.")
            return self.demo
        return Path(slide).expanduser()

    def _free_name(self, path: Path) -> str:
        stem = re.sub(r"[^\w.+-]+", "_", path.stem if path.is_file() else path.resolve().name).strip("._") or "slide"
        stem = stem[:100]
        taken = _read_state(self.root / "slides" / stem)
        return stem if taken is None else f"{stem}-{digest(str(path.resolve()))[:6]}"


def _read_state(folder: Path) -> SlideState | None:
    """What a slide's folder says; None where it says nothing that can be understood, so that it is written anew.

    A slide whose files were cut counts as less far than it was, so that it is prepared again before it is opened.
    """
    entry = read_json(folder / "slide.json")
    try:
        stored = dict(entry["options"])
        stored["spots_path"] = Path(stored["spots_path"]) if stored["spots_path"] else None
        path, options, facts = Path(entry["path"]), PrepareOptions(**stored), dict(entry["facts"])
    except (KeyError, TypeError, ValueError):
        return None
    made = read_json(folder / "recipes.json")
    tiled = isinstance(made.get("spots"), str) and not cut(folder / "spots.npz")
    prepared = tiled and isinstance(made.get("joint"), str) and not cut(folder / "spots.h5ad")
    state: State = "prepared" if prepared else "tiled" if tiled else "new"
    return SlideState(folder.name, path, options, state, facts)
