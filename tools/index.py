"""The door to Chroma: nearest spots in joint space, across all slides of a workspace. Rebuilt from h5ads at will."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import anndata
import numpy as np

from models.protocols import F32

_OPENING = threading.Lock()  # Chroma's clients must not be made by two threads at once
HNSW = {"hnsw": {"space": "cosine", "ef_search": 1000, "max_neighbors": 32}}


@dataclass(frozen=True)
class Hit:
    """A spot that answers a search: `x`, `y` level-0 px, `score` cosine."""

    slide: str
    spot: str
    x: float
    y: float
    score: float


class SpotIndex:
    """Spots of every slide that was embedded with one joint model."""

    def __init__(self, folder: Path, joint: str, url: str | None = None) -> None:
        """Open the index in `folder`, or on the Chroma server at `url` (http://host:port)."""
        import chromadb  # 0.9 s; only those who search pay for it
        from chromadb.config import Settings

        quiet = Settings(anonymized_telemetry=False)
        self._client: Any
        with _OPENING:
            if url is None:
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
        """Open the index and (re)write these slides, by name."""
        index = cls(folder, joint, url)
        for name, data in slides.items():
            index.replace_slide(name, data)
        return index

    def slides(self) -> set[str]:
        """Names of the slides that have spots here."""
        names: set[str] = set()
        while True:
            rest = {"slide": {"$nin": sorted(names)}} if names else None
            found = self._spots.get(where=rest, limit=1, include=["metadatas"])["metadatas"]
            if not found:
                return names
            names.add(str(found[0]["slide"]))

    def replace_slide(self, name: str, data: anndata.AnnData) -> None:
        """Write the spots of a slide (`obsm` X_joint and spatial), in place of those it had."""
        self._spots.delete(where={"slide": name})
        vectors = np.asarray(data.obsm["X_joint"], np.float32)
        l0_xy = np.asarray(data.obsm["spatial"], np.float64)
        spots = [str(spot) for spot in data.obs_names]
        step = int(self._client.get_max_batch_size())
        for start in range(0, len(spots), step):
            stop = min(start + step, len(spots))
            self._spots.upsert(
                ids=[f"{name}:{spot}" for spot in spots[start:stop]],
                embeddings=vectors[start:stop],
                metadatas=[
                    {"slide": name, "spot": spots[i], "x": float(l0_xy[i, 0]), "y": float(l0_xy[i, 1])}
                    for i in range(start, stop)
                ],
            )

    def search(self, vector: F32, top_k: int, slides: Sequence[str] | None = None) -> list[Hit]:
        """The `top_k` spots nearest to a unit-norm vector (d,), best first; `slides` limits where."""
        count = self._spots.count()
        if not count:
            return []
        where = {"slide": {"$in": list(slides)}} if slides else None
        found = self._spots.query(
            query_embeddings=[np.asarray(vector, np.float32)],
            n_results=min(top_k, count),
            where=where,
            include=["metadatas", "distances"],
        )
        return [
            Hit(str(meta["slide"]), str(meta["spot"]), float(meta["x"]), float(meta["y"]), 1.0 - float(distance))
            for meta, distance in zip(found["metadatas"][0], found["distances"][0], strict=True)
        ]
