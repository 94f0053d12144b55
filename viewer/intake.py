"""Slides that come through the page: uploaded files, and files of folders that the settings allow."""

import re
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from tools.allowed import allowed_path
from tools.errors import SlideError
from tools.slide import open_slide
from tools.workspace import PrepareOptions, SlideState, Workspace

PICTURES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
UPLOADS = (".svs", ".ndpi", ".scn", ".bif", ".svslide", ".dcm", ".czi", *PICTURES)  # slides that are one file
IN_FOLDERS = (*UPLOADS, ".mrxs", ".vms", ".vmu")
MOST_LISTED = 500


class TooLarge(SlideError):  # noqa: N818 - a sentence for the person
    """An upload has more bytes than the settings allow."""


class Intake:
    """Where slides come in. Uploads lie in the workspace; files of allowed folders stay where they are."""

    def __init__(self, workspace: Workspace, models: str, folders: Iterable[Path], limit_mb: int) -> None:
        self._workspace, self._models = workspace, models
        self._folders = [folder.resolve() for folder in folders]
        self.limit_mb = limit_mb

    async def take(self, name: str, chunks: AsyncIterator[bytes]) -> SlideState:
        """Write an upload and note it as a slide. Raises SlideError (ending, size, no slide); nothing is left then."""
        path = self._place_for(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        try:
            size = 0
            with part.open("xb") as stream:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > self.limit_mb * 1_000_000:
                        raise TooLarge(f"{name} is larger than {self.limit_mb:,} MB, the limit of this server.")
                    stream.write(chunk)
            part.replace(path)
            return self._note(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            part.unlink(missing_ok=True)

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
        folder = self._workspace.root / "uploads"
        taken = (folder / f"{stem}{f'-{i}' if i else ''}{suffix}" for i in range(10_000))
        return next(path for path in taken if not path.exists())

    def _note(self, path: Path) -> SlideState:
        slide = open_slide(path)
        state = self._workspace.find(str(path))
        if state.state == "new":
            facts = state.facts | ({"mpp": slide.mpp} if slide.mpp else {})
            state = SlideState(state.name, path, PrepareOptions(models=self._models), "new", facts)
            self._workspace.register(state)
        return state
