"""Exact nearest spots over many slides: their joint embeddings, held in memory, times a vector."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from models.protocols import F32
from tools.errors import SlideError
from tools.files import read_json
from tools.index import Hit
from tools.spots import Spots
from tools.stages import load_spots
from tools.workspace import SlideState, Workspace


class JointRows:
    """Joint embeddings of prepared slides, read once and shared by everyone in this process; thread-safe.

    A slide that is prepared anew is read anew. The longest unused leave where more than `most_spots` are held.
    """

    def __init__(self, most_spots: int) -> None:
        self.most_spots = most_spots
        self._held: OrderedDict[Path, tuple[str, F32]] = OrderedDict()
        self._spots = 0
        self._lock = threading.Lock()

    def of(self, folder: Path) -> F32:
        """Rows (n, d) of unit norm of the slide in this folder of the workspace."""
        made_by = _made_by(folder)
        with self._lock:
            held = self._held.get(folder)
            if held is not None and held[0] == made_by:
                self._held.move_to_end(folder)
                return held[1]
        rows = _read(folder / "spots.h5ad")
        with self._lock:
            self._spots -= len(self._held.pop(folder, ("", rows[:0]))[1])
            self._held[folder] = (made_by, rows)
            self._spots += len(rows)
            while self._spots > self.most_spots and len(self._held) > 1:
                self._spots -= len(self._held.popitem(last=False)[1][1])
        return rows


def nearest(workspace: Workspace, slides: Sequence[SlideState], held: JointRows, vector: F32, top_k: int) -> list[Hit]:
    """The `top_k` spots of these slides with the highest cosine to a unit-norm vector (d,), best first."""
    parts = (held.of(workspace.folder(state.name)) for state in slides)
    return [_hit(workspace, slides[slide].name, row, cosine) for slide, row, cosine in best_rows(parts, vector, top_k)]


def best_rows(parts: Iterable[F32], vector: F32, top_k: int) -> list[tuple[int, int, float]]:
    """(part, row, product) of the `top_k` rows of arrays (n, d) whose product with a (d,) is highest, best first."""
    wanted = np.asarray(vector, np.float32)
    scores: list[F32] = []
    places: list[NDArray[np.int64]] = []
    for number, rows in enumerate(parts):
        cosines = rows @ wanted
        best = _best(cosines, top_k)
        scores.append(cosines[best])
        places.append(np.stack([np.full(len(best), number), best], axis=1))
    if not scores:
        return []
    cosine, place = np.concatenate(scores), np.concatenate(places)
    chosen = _best(cosine, top_k)
    chosen = chosen[np.argsort(-cosine[chosen], kind="stable")]
    return [(int(place[i, 0]), int(place[i, 1]), float(cosine[i])) for i in chosen]


def _best(values: F32, k: int) -> NDArray[np.int64]:
    """Positions of the k highest values, in their order in the array."""
    if len(values) <= k:
        return np.arange(len(values))
    return np.sort(np.argpartition(-values, k - 1)[:k])


def _hit(workspace: Workspace, name: str, row: int, cosine: float) -> Hit:
    folder = workspace.folder(name)
    spots = _spots_of(folder, _made_by(folder))
    x, y = spots.l0_xy[row]
    return Hit(name, spots.ids[row], float(x), float(y), cosine)


@lru_cache(maxsize=256)
def _spots_of(folder: Path, _made_by: str) -> Spots:
    return load_spots(folder / "spots.npz")


def _made_by(folder: Path) -> str:
    return str(read_json(folder / "recipes.json").get("joint"))


def _read(path: Path) -> F32:
    """X_joint alone, without the expression beside it."""
    try:
        with h5py.File(path) as file:
            return np.asarray(file["obsm/X_joint"][:], np.float32)
    except (OSError, KeyError) as error:
        raise SlideError(f"{path} is damaged: its joint embedding cannot be read; prepare the slide again.") from error
