"""Which slides a cohort has: a folder, a CSV, or single slides become entries, each with its name and its options."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tools.errors import SlideError
from tools.files import digest
from tools.given_spots import is_space_ranger, space_ranger_image
from tools.slide import SLIDE_SUFFIXES
from tools.workspace import PrepareOptions, SlideState, Workspace

IMAGE_SUFFIXES = (*SLIDE_SUFFIXES, ".tif", ".tiff", ".png", ".jpg", ".jpeg")
ONE_A_FOLDER = (".dcm", ".vms", ".vmu")  # formats of which many files make one slide
TABLES = (".csv", ".tsv")
COLUMNS = ("slide", "name", "mpp", "spots", "spot_um", "pitch_um", "layout", "models")
NUMBERS = ("mpp", "spot_um", "pitch_um")
LAYOUTS = ("hex", "square")


@dataclass(frozen=True)
class Entry:
    """One slide of a cohort: as the workspace knows it or will know it, how it is to be prepared, its file's bytes."""

    state: SlideState
    options: PrepareOptions
    size: int = 0

    @property
    def name(self) -> str:
        """Name in the workspace."""
        return self.state.name


def is_cohort(place: str, workspace: Workspace) -> bool:
    """Whether an argument names many slides: a folder that is not Space Ranger's, or a table.

    The demo slide and the slides of the workspace go by their names before a folder that is called alike.
    """
    if (place == "demo" and workspace.demo) or any(state.name == place for state in workspace.slides()):
        return False
    path = Path(place).expanduser()
    return (path.is_dir() and not is_space_ranger(path)) or (path.suffix.lower() in TABLES and path.is_file())


def read_manifest(places: Sequence[str], workspace: Workspace, defaults: PrepareOptions) -> list[Entry]:
    """Every slide of some folders, tables and single slides, once, under names that a later run gives again.

    Raises SlideError for a table that cannot be understood and where there is no slide at all. A file that is missing
    or damaged is an entry like others: it fails when its turn comes, and stops nobody else.
    """
    found: dict[Path, tuple[PrepareOptions, str]] = {}
    for place in places:
        for path, options, name in _listed(place, workspace, defaults):
            if path in found and found[path] != (options, name):
                raise SlideError(f"{path} is listed twice, with different options; keep one of the two.")
            found[path] = (options, name)
    if not found:
        raise SlideError(
            f"There is no slide in {', '.join(places)}. Expected files that end with {' '.join(IMAGE_SUFFIXES)}, or "
            "Space Ranger folders."
        )
    return _named(found, workspace)


def unused_columns(places: Sequence[str]) -> list[str]:
    """Columns of the tables among these places that say nothing about how a slide is prepared."""
    return sorted({c for p in places if p.lower().endswith(TABLES) for c in _rows(Path(p))[0] if c not in COLUMNS})


def _listed(place: str, workspace: Workspace, defaults: PrepareOptions) -> Iterator[tuple[Path, PrepareOptions, str]]:
    path = Path(place).expanduser()
    if not is_cohort(place, workspace):
        state = workspace.find(place)
        yield _given(state.path, replace(defaults, mpp=state.options.mpp if defaults.mpp is None else defaults.mpp))
    elif path.is_dir():
        for slide in slides_in(path.resolve(), workspace.root.resolve()):
            yield _given(slide, defaults)
    else:
        for number, row in enumerate(_rows(path)[1], start=2):
            yield _row(path, number, row, defaults)


def slides_in(folder: Path, leave_out: Path) -> Iterator[Path]:
    """Slide files and Space Ranger folders below a folder, by name; nothing hidden and nothing of `leave_out`."""
    if folder == leave_out:
        return
    if is_space_ranger(folder):
        yield folder
        return
    last = ""
    for path in sorted(folder.iterdir()):
        kind = path.suffix.lower()
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from slides_in(path, leave_out)
        elif kind in IMAGE_SUFFIXES and not (kind == last and kind in ONE_A_FOLDER):
            last = kind
            yield path


def _given(path: Path, options: PrepareOptions, name: str = "") -> tuple[Path, PrepareOptions, str]:
    """A path as a preparation wants it: of a Space Ranger folder its image, with the folder as given spots."""
    path = path.expanduser().resolve()
    if path.is_dir() and is_space_ranger(path):
        name = name or (path.parent.name if path.name == "outs" else path.name)
        try:
            return space_ranger_image(path).resolve(), replace(options, spots_path=path), name
        except SlideError:
            pass  # said when its turn comes
    return path, options, name


def _rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Header and rows of a table, its separator guessed from its header."""
    try:
        text = path.expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SlideError(f"{path} cannot be read as a table of slides ({error}).") from error
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)
    rows = list(csv.DictReader(text.splitlines(), delimiter=separator))
    columns = [column.strip().lower() for column in header.strip().split(separator)]
    if "slide" not in columns:
        raise SlideError(
            f"{path.name} has no column 'slide'; its columns are {', '.join(columns)}. Expected a header with slide, "
            f"and if you like {', '.join(COLUMNS[1:])}."
        )
    cleaned = [{(k or "").strip().lower(): v.strip() for k, v in row.items() if isinstance(v, str)} for row in rows]
    return columns, [row for row in cleaned if any(row.values())]


def _row(table: Path, number: int, row: dict[str, str], defaults: PrepareOptions) -> tuple[Path, PrepareOptions, str]:
    where = f"{table.name}, line {number}"
    if not row.get("slide"):
        raise SlideError(f"{where}: the column slide is empty.")
    given: dict[str, Any] = {key: row[key] for key in ("layout", "models") if row.get(key)}
    for key in NUMBERS:
        if row.get(key):
            given[key] = _number(where, key, row[key])
    if given.get("layout", "hex") not in LAYOUTS:
        raise SlideError(f"{where}: there is no layout '{given['layout']}'; known: {', '.join(LAYOUTS)}.")
    if row.get("spots"):
        given["spots_path"] = _beside(table, row["spots"])
    name = row.get("name", "")
    if name and not re.fullmatch(r"[\w][\w.+ -]{0,120}", name):
        raise SlideError(f"{where}: '{name}' cannot be a name; letters, digits and . _ + - are expected.")
    return _given(_beside(table, row["slide"]), replace(defaults, **given), name)


def _number(where: str, key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise SlideError(f"{where}: {key} is '{text}'; a number of microns is expected, such as 0.5.") from error
    if not 0 < value < 1e6:
        raise SlideError(f"{where}: {key} is {text}; a number of microns above 0 is expected.")
    return value


def _beside(table: Path, text: str) -> Path:
    """A path of a table: absolute, or as seen from the table's folder."""
    return (table.expanduser().resolve().parent / Path(text).expanduser()).resolve()


def _named(found: dict[Path, tuple[PrepareOptions, str]], workspace: Workspace) -> list[Entry]:
    """Entries with names: a slide that the workspace knows keeps its own, a name that is taken gets a suffix."""
    states = workspace.slides()
    known = {(state.path, state.options.spots_path): state for state in states}
    by_path = {state.path: state for state in states}
    taken = {state.name: state.path for state in states}
    entries = []
    for path, (options, wanted) in found.items():
        state = known.get((path, options.spots_path)) or by_path.get(path)
        if wanted and state is not None and state.name != wanted:
            raise SlideError(f"{path} is in the workspace as '{state.name}'; it cannot be called '{wanted}' as well.")
        if state is None:
            name = wanted or _plain(path.stem)
            if wanted and taken.get(name, path) != path:
                raise SlideError(f"The name '{name}' is that of {taken[name]} already; {path} needs another.")
            if name in taken:
                name = f"{name}-{digest(str(path))[:6]}"
            state = SlideState(name, path, options, "new")
        taken[state.name] = path
        entries.append(Entry(state, options, path.stat().st_size if path.is_file() else 0))
    return entries


def _plain(stem: str) -> str:
    return (re.sub(r"[^\w.+-]+", "_", stem).strip("._") or "slide")[:100]
