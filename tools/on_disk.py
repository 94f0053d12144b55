"""Arrays of a whole slide that are written and read some rows at a time: npy files, and X of an h5ad."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
from numpy.typing import NDArray

from models.protocols import F32

X_ROWS, X_COLUMNS = 2048, 64  # a compressed block of X: a gene of 50,000 spots is read from 25 of them


class StoredRows:
    """An npy file as an array that is read by slices of rows.

    Each slice is mapped, copied and let go, so that what was read does not stay in memory.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.shape: tuple[int, ...] = self._mapped().shape

    def __len__(self) -> int:
        """Rows."""
        return self.shape[0]

    def __getitem__(self, rows: slice) -> F32:
        """A copy of some rows."""
        return np.array(self._mapped()[rows], np.float32)

    def take(self, rows: NDArray[np.int64]) -> F32:
        """A copy of rows anywhere in it."""
        return np.array(self._mapped()[rows], np.float32)

    def column(self, number: int, step: int = X_ROWS) -> F32:
        """(n, ...) of one index of the second axis."""
        out = np.empty((self.shape[0], *self.shape[2:]), np.float32)
        for start in range(0, len(out), step):
            out[start : start + step] = self[start : start + step][:, number]
        return out

    def _mapped(self) -> NDArray[Any]:
        mapped: NDArray[Any] = np.load(self._path, mmap_mode="r")
        return mapped


def write_rows(path: Path, parts: Iterator[F32], n: int) -> None:
    """Write an npy file (n, ...) float32 from consecutive parts of its rows, one in memory at a time."""
    written = 0
    with path.open("wb") as file:
        for part in parts:
            if not written:
                header = {"descr": "<f4", "fortran_order": False, "shape": (n, *part.shape[1:])}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(np.ascontiguousarray(part, "<f4").data)
            written += len(part)
    if written != n:
        raise ValueError(f"{written} rows came where {n} were announced.")


def write_h5ad(path: Path, data: anndata.AnnData, parts: Iterator[F32]) -> None:
    """Write an AnnData without X, with X (n, g) float32 from consecutive parts of its rows, gzipped like the rest."""
    data.write_h5ad(path, compression="gzip", compression_opts=1)
    with h5py.File(path, "r+") as file:
        if "X" in file:
            del file["X"]  # what stands for "none"
        chunks = (min(X_ROWS, data.n_obs), min(X_COLUMNS, data.n_vars))
        how = {"chunks": chunks, "compression": "gzip", "compression_opts": 1}
        x = file.create_dataset("X", data.shape, np.float32, **how)
        x.attrs["encoding-type"], x.attrs["encoding-version"] = "array", "0.2.0"  # as anndata marks a dense array
        start = 0
        for block in _blocks(parts, X_ROWS):
            x[start : start + len(block)] = block
            start += len(block)
    if start != data.n_obs:
        raise ValueError(f"Expression of {start} spots came where {data.n_obs} were announced.")


def add_to_h5ad(path: Path, obsm: dict[str, F32], uns: dict[str, Any]) -> None:
    """Write `obsm` entries, and entries of `uns["provenance"]["models"]`, into an h5ad whose X stays where it is."""
    with h5py.File(path, "r+") as file:
        for key, rows in obsm.items():
            how = {"compression": "gzip", "compression_opts": 1}
            anndata.io.write_elem(file["obsm"], key, np.ascontiguousarray(rows, np.float32), dataset_kwargs=how)
        for key, value in uns.items():
            anndata.io.write_elem(file["uns/provenance/models"], key, value)


def _blocks(parts: Iterator[F32], rows: int) -> Iterator[F32]:
    """The same rows in blocks of `rows`, so that no compressed block of X is written twice."""
    held: list[F32] = []
    for part in parts:
        held.append(part)
        while (have := sum(map(len, held))) >= rows:
            whole = held[0] if len(held) == 1 else np.concatenate(held)
            yield whole[:rows]
            held = [whole[rows:]] if have > rows else []
    if held:
        yield np.concatenate(held)
