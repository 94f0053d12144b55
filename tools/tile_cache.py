"""Tile embeddings by content, kept for every preparation of a workspace that cuts and encodes the same tiles.

workspace/cache/tiles/<key>/<entry>.npy   embeddings (n, k, d) of one finished stage, a hard link where that can be
                            <entry>.npz   the positions (n, 2) of its rows, and its checksum

The key is made from the slide's content, the encoder's weights and everything that decides about a tile's pixels; rows
are found by their position. The folder may be deleted at any time.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.card import Card
from models.protocols import F32, TilePlan
from tools.files import atomic, digest, fingerprint, sha256
from tools.on_disk import StoredRows
from tools.recipes import VERSION, checksums
from tools.slide import Slide
from tools.spots import Spots

LIMIT_BYTES = 20 << 30  # of what no slide's folder holds any more; the oldest goes first
UNREADABLE = (OSError, ValueError, KeyError, EOFError)


@dataclass(frozen=True)
class Known:
    """Rows of a slide whose embeddings are there: `read(rows)` gives (m, k, d) of rows that are `here` (n,)."""

    here: NDArray[np.bool_]
    read: Callable[[NDArray[np.int64]], F32]


class TileCache:
    """What one encoder made of one slide's tiles, cut in one way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(
        cls, workspace_root: Path, slide: Slide, spots: Spots, plan: TilePlan, encoder: tuple[Card, Path | None]
    ) -> "TileCache":
        """The cache for these tiles; `encoder` is its card and the folder of models."""
        card, models_dir = encoder
        cut = [plan.tile_um or spots.spot_um, plan.tile_px, plan.native, slide.scale]
        key = digest([VERSION, fingerprint(slide.path), card.name, checksums(card, models_dir), cut])
        return cls(workspace_root / "cache" / "tiles" / key)

    def known(self, spots: Spots, sub_grid: int) -> Known:
        """Which spots' tiles (and sub-tiles, `sub_grid` per side) were encoded before. Damaged entries are removed."""
        n = len(spots)
        entry_of, row_of = np.full(n, -1), np.zeros(n, np.int64)
        stored: list[StoredRows] = []
        wanted = [tuple(xy) for xy in spots.l0_xy.tolist()]
        for book in sorted(self.folder.glob("*.npz")):
            found = _opened(book, sub_grid)
            if found is None:
                continue
            rows, positions = found
            place = {tuple(xy): row for row, xy in enumerate(positions.tolist())}
            for spot in np.flatnonzero(entry_of < 0):
                row = place.get(wanted[spot])
                if row is not None:
                    entry_of[spot], row_of[spot] = len(stored), row
            stored.append(rows)
        columns = 1 + sub_grid**2

        def read(spots_wanted: NDArray[np.int64]) -> F32:
            entries = entry_of[spots_wanted]
            out = np.empty((len(entries), columns, *stored[0].shape[2:]), np.float32)
            for entry in np.unique(entries):
                chosen = entries == entry
                out[chosen] = stored[entry].take(row_of[spots_wanted[chosen]])[:, :columns]
            return out

        return Known(entry_of >= 0, read)

    def add(self, embeddings: Path, spots: Spots, sub_grid: int) -> None:
        """Keep a finished file of embeddings (n, 1 + sub_grid**2, d), then make room."""
        checksum = sha256(embeddings)
        entry = self.folder / checksum[:16]
        if entry.with_suffix(".npz").exists():
            return
        with atomic(entry.with_suffix(".npy")) as part:
            try:
                os.link(embeddings, part)
            except OSError:  # another file system, or one without links
                shutil.copyfile(embeddings, part)
        with atomic(entry.with_suffix(".npz")) as part:
            np.savez(part, l0_xy=spots.l0_xy, sub_grid=sub_grid, sha256=checksum)
        make_room(self.folder.parent)


def make_room(root: Path, limit: int = LIMIT_BYTES) -> None:
    """Remove the oldest entries under `root` until those that nothing else holds take no more than `limit` bytes."""
    alone = [(path, path.stat()) for path in root.glob("*/*.npy")]
    alone = sorted(((p, s) for p, s in alone if s.st_nlink == 1), key=lambda entry: entry[1].st_mtime)
    total = sum(stat.st_size for _, stat in alone)
    for path, stat in alone:
        if total <= limit:
            return
        _remove(path.with_suffix(".npz"))
        total -= stat.st_size


def _opened(book: Path, sub_grid: int) -> tuple[StoredRows, NDArray[np.float64]] | None:
    """Rows and positions of an entry that holds such tiles; None for another, or a damaged one, which is removed.

    Tiles without sub-tiles are the first column of any entry.
    """
    try:
        with np.load(book, allow_pickle=False) as kept:
            positions, own, checksum = kept["l0_xy"], int(kept["sub_grid"]), str(kept["sha256"])
        if sub_grid not in (0, own):
            return None
        rows = StoredRows(book.with_suffix(".npy"))
        if sha256(book.with_suffix(".npy")) == checksum and rows.shape[:2] == (len(positions), 1 + own**2):
            return rows, positions
    except UNREADABLE:
        pass
    _remove(book)
    return None


def _remove(book: Path) -> None:
    book.unlink(missing_ok=True)
    book.with_suffix(".npy").unlink(missing_ok=True)
