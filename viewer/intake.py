"""Slides that come through the page: uploaded files, and files of folders that the settings allow."""

import re
import shutil
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.allowed import allowed_path
from tools.errors import SlideError
from tools.files import read_json, write_json
from tools.slide import open_slide
from tools.workspace import PrepareOptions, SlideState, Workspace

PICTURES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
UPLOADS = (".svs", ".ndpi", ".scn", ".bif", ".svslide", ".dcm", ".czi", *PICTURES)  # slides that are one file
IN_FOLDERS = (*UPLOADS, ".mrxs", ".vms", ".vmu")
MOST_LISTED = 500
OWNERS = ".owners.json"  # file -> digest of the visitor who brought it
KEPT_FREE = 1_000_000_000  # bytes of the disk that uploads leave


class TooLarge(SlideError):  # noqa: N818 - a sentence for the person
    """An upload has more bytes than the settings allow."""


@dataclass(frozen=True)
class Quota:
    """MB that may be uploaded: in one file, by one visitor, by everybody."""

    file_mb: int
    visitor_mb: int
    total_mb: int


class Intake:
    """Where slides come in. Uploads lie in the workspace; files of allowed folders stay where they are."""

    def __init__(self, workspace: Workspace, models: str, folders: Iterable[Path], quota: Quota) -> None:
        self._workspace, self._models = workspace, models
        self._folders = [folder.resolve() for folder in folders]
        self._quota = quota
        self._coming: dict[Path, tuple[str, int]] = {}  # file -> whose, bytes so far
        self._uploads = workspace.root / "uploads"

    @property
    def limit_mb(self) -> int:
        """MB that one file may have."""
        return self._quota.file_mb

    async def take(self, name: str, chunks: AsyncIterator[bytes], owner: str = "", expected: int = 0) -> SlideState:
        """Write an upload of `owner` and note it as a slide. `expected` bytes are announced, 0 where nobody said.

        Raises SlideError (ending, size, quota, disk, no slide); nothing is left then.
        """
        path = self._place_for(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        room, why = self._room(owner)
        if expected > room:
            raise TooLarge(f"{name}: {why}")
        part = path.with_name(f".{path.name}.part")
        self._coming[path] = owner, max(expected, 0)
        try:
            size = 0
            with part.open("xb") as stream:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > room:
                        raise TooLarge(f"{name}: {why}")
                    self._coming[path] = owner, max(size, expected)
                    stream.write(chunk)
            part.replace(path)
            state = self._note(path)
            self._own(path, owner)
            return state
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            self._coming.pop(path, None)
            part.unlink(missing_ok=True)

    def _room(self, owner: str) -> tuple[int, str]:
        """Bytes that this visitor may still bring in one file, and the sentence for one that is larger."""
        owners = read_json(self._uploads / OWNERS)
        sizes = [(str(owners.get(path.name, "")), path.stat().st_size) for path in self._uploads.glob("[!.]*")]
        sizes += list(self._coming.values())
        mine, all_ = (sum(n for whose, n in sizes if who in (None, whose)) for who in (owner, None))
        free = shutil.disk_usage(self._uploads).free - KEPT_FREE
        mb, quota = 1_000_000, self._quota
        return min(
            (quota.file_mb * mb, f"larger than {quota.file_mb:,} MB, the limit of this server for one file."),
            (quota.visitor_mb * mb - mine, f"over the {quota.visitor_mb:,} MB that one visitor may upload in all."),
            (quota.total_mb * mb - all_, f"over the {quota.total_mb:,} MB that this server keeps; ask who runs it."),
            (free, "the disk of this server is nearly full; ask who runs it."),
        )

    def _own(self, path: Path, owner: str) -> None:
        write_json(self._uploads / OWNERS, read_json(self._uploads / OWNERS) | {path.name: owner})

    def listed(self) -> list[dict[str, str | int]]:
        """Slide files of the allowed folders: the number of the folder, the path in it, MB."""
        found: list[dict[str, str | int]] = []
        for number, folder in enumerate(self._folders):
            for path in sorted(folder.rglob("*")):
                if path.suffix.lower() in IN_FOLDERS and path.is_file() and len(found) < MOST_LISTED:
                    size = round(path.stat().st_size / 1e6)
                    found.append({"folder": number, "path": str(path.relative_to(folder)), "mb": size})
        return found

    def pick(self, folder: int, inside: str) -> SlideState:
        """Note a file of an allowed folder as a slide. Raises SlideError for anything outside of them."""
        if not 0 <= folder < len(self._folders):
            raise SlideError("There is no such folder.")
        path = allowed_path(str(self._folders[folder] / inside), self._folders[folder : folder + 1])
        if path.suffix.lower() not in IN_FOLDERS:
            raise SlideError("There is no such slide in the folders that this server allows.")
        return self._note(path)

    def _place_for(self, name: str) -> Path:
        stem, suffix = Path(name).stem, Path(name).suffix.lower()
        if suffix not in UPLOADS:
            raise SlideError(f"'{suffix or name}' is no slide that can be uploaded; expected {', '.join(UPLOADS)}.")
        stem = re.sub(r"[^\w.+-]+", "_", stem).strip("._")[:80] or "slide"
        taken = (self._uploads / f"{stem}{f'-{i}' if i else ''}{suffix}" for i in range(10_000))
        return next(path for path in taken if not path.exists() and path not in self._coming)

    def _note(self, path: Path) -> SlideState:
        slide = open_slide(path)
        state = self._workspace.find(str(path))
        if state.state == "new":
            facts = state.facts | ({"mpp": slide.mpp} if slide.mpp else {})
            state = SlideState(state.name, path, PrepareOptions(models=self._models), "new", facts)
            self._workspace.register(state)
        return state
