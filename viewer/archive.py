"""Conversations kept per visitor in the workspace, so that a reload or another day finds them again.

visitors/<digest of the visitor's cookie>/<conversation>/meta.json          title, slide, when
                                                         conversation.json  what was said and found
                                                         layers/<id>.npy    one number per spot
                                                         pictures/          crops, maps at a glance
The cookie itself is never written.
"""

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from agent.session import Layer, Picture
from tools.files import atomic, read_json, write_json
from tools.regions import Region
from viewer.board import Board
from viewer.visitor import is_token

MOST_KEPT = 200
Entry = dict[str, Any]


class Archive:
    """Conversations of all visitors; nobody finds one without its visitor's cookie."""

    def __init__(self, root: Path) -> None:
        self._root = root / "visitors"

    def folder(self, visitor: str, conversation: str) -> Path:
        """Where one conversation lies; both names are checked."""
        assert is_token(visitor) and is_token(conversation)
        return self._of(visitor) / conversation

    def list(self, visitor: str) -> list[Entry]:
        """What is kept for a visitor, newest first: id, title, slide, updated."""
        found = [read_json(path) | {"id": path.parent.name} for path in self._of(visitor).glob("*/meta.json")]
        return sorted(found, key=lambda entry: -float(entry["updated"]))

    def knows(self, visitor: str, conversation: str) -> bool:
        """Whether this visitor had this conversation."""
        return is_token(conversation) and (self.folder(visitor, conversation) / "meta.json").is_file()

    def write(self, visitor: str, conversation: str, meta: Entry, said: Entry, boards: dict[str, Board]) -> None:
        """Keep a conversation in place of what was kept of it; a layer's values are written once."""
        folder = self.folder(visitor, conversation)
        for board in boards.values():
            for layer in board.layers.values():
                _write_values(folder / "layers" / f"{layer.id}.npy", layer)
        entries = {name: _board_entry(board) for name, board in boards.items()}
        write_json(folder / "conversation.json", said | {"boards": entries})
        write_json(folder / "meta.json", meta)
        for old in self.list(visitor)[MOST_KEPT:]:
            self.remove(visitor, old["id"])

    def read(self, visitor: str, conversation: str) -> tuple[Entry, dict[str, Board]]:
        """What was said, and what was found on each slide."""
        folder = self.folder(visitor, conversation)
        said = read_json(folder / "conversation.json")
        return said, {name: _board(entry, folder / "layers") for name, entry in said.get("boards", {}).items()}

    def write_pictures(self, visitor: str, conversation: str, pictures: Iterable[Picture]) -> None:
        """Keep crops; each is written once."""
        folder = self.folder(visitor, conversation) / "pictures"
        for picture in pictures:
            if not (folder / f"{picture.id}.json").exists():
                with atomic(folder / f"{picture.id}.png") as part:
                    part.write_bytes(picture.png)
                write_json(
                    folder / f"{picture.id}.json", {"title": picture.title, "slide": picture.slide, "mpp": picture.mpp}
                )

    def read_pictures(self, visitor: str, conversation: str) -> Iterator[Picture]:
        """The crops that were kept, in the order in which they were made."""
        files = (self.folder(visitor, conversation) / "pictures").glob("p*.json")
        for path in sorted(files, key=lambda path: int(path.stem[1:])):
            entry = read_json(path)
            yield Picture(
                path.stem, entry["title"], entry["slide"], path.with_suffix(".png").read_bytes(), entry["mpp"]
            )

    def remove(self, visitor: str, conversation: str) -> None:
        """Forget a conversation."""
        if self.knows(visitor, conversation):
            shutil.rmtree(self.folder(visitor, conversation))

    def forget_before(self, then: float) -> None:
        """Forget every conversation that was last changed before a time (seconds since 1970)."""
        for path in self._root.glob("*/*/meta.json"):
            if float(read_json(path).get("updated", then)) < then:
                shutil.rmtree(path.parent, ignore_errors=True)

    def _of(self, visitor: str) -> Path:
        return self._root / hashlib.sha256(visitor.encode()).hexdigest()[:40]


def _write_values(path: Path, layer: Layer) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as part, part.open("wb") as stream:
            np.save(stream, layer.values)


def _board_entry(board: Board) -> Entry:
    layers = [
        {"id": v.id, "title": v.title, "kind": v.kind, "slide": v.slide, "labels": list(v.labels)}
        for v in board.layers.values()
    ]
    regions = [_region_entry(region) for region in board.regions.values()]
    shown = {"left": board.left, "right": board.right, "focus": board.focus, "genes": board.genes}
    return {"layers": layers, "regions": regions, "hidden": sorted(board.hidden), "own": sorted(board.own)} | shown


def _region_entry(region: Region) -> Entry:
    rings = [np.round(ring, 2).tolist() for ring in region.polygons]
    spots = [int(row) for row in region.spots]
    return {"id": region.id, "query": region.query, "spots": spots, "rings": rings, "area_um2": region.area_um2}


def _board(entry: Entry, folder: Path) -> Board:
    board = Board(hidden=set(entry["hidden"]), own=set(entry["own"]), genes=entry["genes"])
    for kept in _existing(entry["layers"], folder):
        values = np.load(folder / f"{kept['id']}.npy", allow_pickle=False)
        board.layers[kept["id"]] = Layer(
            kept["id"], kept["title"], kept["kind"], kept["slide"], values, tuple(kept["labels"])
        )
    for kept in entry["regions"]:
        rings = tuple(np.asarray(ring, np.float64) for ring in kept["rings"])
        rows = np.asarray(kept["spots"], np.int64)
        board.regions[kept["id"]] = Region(kept["id"], kept["query"], rows, rings, kept["area_um2"])
    board.left, board.right = (entry[side] if entry[side] in board.layers else None for side in ("left", "right"))
    board.focus = entry["focus"] if entry["focus"] in board.regions else None
    return board


def _existing(layers: Iterable[Entry], folder: Path) -> list[Entry]:
    return [layer for layer in layers if (folder / f"{layer['id']}.npy").is_file()]
