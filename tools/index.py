"""The door to Chroma: nearest spots in joint space, across all slides of a workspace. Rebuilt from h5ads at will."""

import logging
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import anndata
import numpy as np

from models.protocols import F32
from tools.errors import SlideError
from tools.files import read_json, write_json, writing

log = logging.getLogger(__name__)
_OPENING = threading.Lock()  # Chroma's clients must not be made by two threads at once
SIZES = "sizes.json"  # of the graphs' files as they were last written
HNSW = {"hnsw": {"space": "cosine", "ef_search": 10_000, "max_neighbors": 32}}  # see benchmarks/search.py
MORE = 4  # times as many are asked for, where only some slides count


@dataclass(frozen=True)
class Hit:
    """A spot that answers a search: `x`, `y` level-0 px, `score` cosine."""

    slide: str
    spot: str
    x: float
    y: float
    score: float


class IndexDamaged(Exception):  # noqa: N818 - a state of the files
    """The index cannot be read; it is to be discarded and built again."""


@contextmanager
def _reading(place: Path | str) -> Iterator[None]:
    """Turn what Chroma says of broken files into IndexDamaged, and of a full or read-only disk into SlideError."""
    import httpx
    from chromadb.errors import ChromaError

    try:
        with writing(Path(place)):
            yield
    except (ChromaError, sqlite3.DatabaseError) as error:
        raise _told(error, place) from error
    except AttributeError as error:
        if "'bindings'" not in str(error):  # Chroma trips over its own client where that could not open the files
            raise
        raise IndexDamaged("its files cannot be opened") from error
    except (httpx.HTTPError, ValueError) as error:
        if isinstance(place, Path):
            raise
        raise SlideError(f"The Chroma server at {place} does not answer as one ({error}).") from error


def _told(error: Exception, place: Path | str) -> Exception:
    words = str(error)
    if "full" in words or "No space left" in words:
        return SlideError(f"The index in {place} cannot be written: the disk is full; free some space.")
    if "readonly" in words or "unable to open database file" in words:
        return SlideError(f"The index in {place} cannot be written: it lies on a read-only disk.")
    return IndexDamaged(words)


def discard(folder: Path) -> None:
    """Remove the index of a workspace; searching builds it again."""
    from chromadb.api.shared_system_client import SharedSystemClient

    with _OPENING, writing(folder):
        SharedSystemClient.clear_system_cache()
        shutil.rmtree(folder, ignore_errors=True)


class SpotIndex:
    """Spots of every slide that was embedded with one joint model."""

    def __init__(self, folder: Path, joint: str, url: str | None = None) -> None:
        """Open the index in `folder`, or on the Chroma server at `url` (http://host:port).

        Raises IndexDamaged where its files are broken or cut.
        """
        import chromadb  # 0.9 s; only those who search pay for it
        from chromadb.config import Settings

        quiet = Settings(anonymized_telemetry=False)
        self._client: Any
        self._folder, self._place = (folder if url is None else None), url or folder
        with _OPENING, _reading(self._place):
            if url is None:
                _refuse_cut(folder)
                folder.mkdir(parents=True, exist_ok=True)
                self._client = chromadb.PersistentClient(str(folder), settings=quiet)
            else:
                parts = urlparse(url)
                self._client = chromadb.HttpClient(
                    parts.hostname or "localhost", parts.port or 8000, ssl=parts.scheme == "https", settings=quiet
                )
            self._spots = self._client.get_or_create_collection(
                f"spots-{joint}", configuration=HNSW, embedding_function=None
            )

    @classmethod
    def build(cls, folder: Path, joint: str, slides: dict[str, anndata.AnnData], url: str | None = None) -> "SpotIndex":
        """Open the index and (re)write these slides, by name; a damaged one is begun anew."""
        try:
            return cls(folder, joint, url)._with(slides)
        except IndexDamaged as error:
            if url is not None:
                raise SlideError(f"The Chroma server at {url} fails: {error}.") from error
            log.warning("The index in %s is damaged (%s); it is built again.", folder, error)
            discard(folder)
            return cls(folder, joint)._with(slides)

    def _with(self, slides: dict[str, anndata.AnnData]) -> "SpotIndex":
        for name, data in slides.items():
            self.replace_slide(name, data)
        return self

    def slides(self) -> set[str]:
        """Names of the slides all of whose spots are here."""
        with _reading(self._place):
            found = self._spots.get(where={"last": True}, include=["metadatas"])["metadatas"]
        return {str(entry["slide"]) for entry in found}

    def count(self, name: str) -> int:
        """How many spots of a slide are here."""
        with _reading(self._place):
            return len(self._spots.get(where={"slide": name}, include=[])["ids"])

    def replace_slide(self, name: str, data: anndata.AnnData) -> None:
        """Write the spots of a slide (`obsm` X_joint and spatial), in place of those it had.

        The last spot is marked, so that a slide whose writing was killed does not count as being here.
        """
        vectors = np.asarray(data.obsm["X_joint"], np.float32)
        l0_xy = np.asarray(data.obsm["spatial"], np.float64)
        spots = [str(spot) for spot in data.obs_names]
        with _reading(self._place):
            self._spots.delete(where={"slide": name})
            step = int(self._client.get_max_batch_size())
            for start in range(0, len(spots), step):
                rows = range(start, min(start + step, len(spots)))
                places = [
                    {"slide": name, "spot": spots[i], "x": float(l0_xy[i, 0]), "y": float(l0_xy[i, 1])} for i in rows
                ]
                if rows[-1] == len(spots) - 1:
                    places[-1]["last"] = True
                ids = [f"{name}:{spots[i]}" for i in rows]
                self._spots.upsert(ids=ids, embeddings=vectors[start : rows[-1] + 1], metadatas=places)
        if self._folder is not None:
            write_json(
                self._folder / SIZES,
                {str(path.relative_to(self._folder)): path.stat().st_size for path in _graph(self._folder)},
            )

    def probe(self) -> None:
        """Ask for anything at all; raises IndexDamaged where the graph cannot be read."""
        with _reading(self._place):
            found = self._spots.get(limit=1, include=["embeddings"])["embeddings"]
        if len(found):
            self.search(np.asarray(found[0], np.float32), 1)

    def search(self, vector: F32, top_k: int, slides: Sequence[str] | None = None) -> list[Hit]:
        """The `top_k` spots nearest to a unit-norm vector (d,), best first; `slides` limits where.

        Chroma's own filter takes seconds with many names, so that more is asked for and the rest left out where
        that will do.
        """
        with _reading(self._place):
            count = self._spots.count()
        if not slides:
            return self._query(vector, min(top_k, count), None)
        asked, allowed = min(MORE * top_k, count), set(slides)
        found = [hit for hit in self._query(vector, asked, None) if hit.slide in allowed][:top_k]
        if len(found) == min(top_k, count) or asked == count:
            return found
        return self._query(vector, min(top_k, count), {"slide": {"$in": list(slides)}})

    def _query(self, vector: F32, n: int, where: dict[str, Any] | None) -> list[Hit]:
        if not n:
            return []
        with _reading(self._place):
            found = self._spots.query(
                query_embeddings=[np.asarray(vector, np.float32)],
                n_results=n,
                where=where,
                include=["metadatas", "distances"],
            )
        return [
            Hit(str(meta["slide"]), str(meta["spot"]), float(meta["x"]), float(meta["y"]), 1.0 - float(distance))
            for meta, distance in zip(found["metadatas"][0], found["distances"][0], strict=True)
        ]


def _graph(folder: Path) -> list[Path]:
    """Files of the nearest-neighbour graphs, which Chroma reads without a check of its own."""
    return sorted(folder.glob("*/*.bin")) + sorted(folder.glob("*/*.pickle"))


def _refuse_cut(folder: Path) -> None:
    """Raise IndexDamaged where a file is gone or shorter than it was: Chroma would answer wrongly, or crash."""
    for name, size in read_json(folder / SIZES).items():
        path = folder / name
        if not path.is_file() or (path.suffix == ".bin" and path.stat().st_size < size):
            raise IndexDamaged(f"{name} is missing or cut off")
