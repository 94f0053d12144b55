"""Reading h5ad files of others and our own: whatever is wrong with one becomes one sentence."""

import warnings
from pathlib import Path

import anndata
from anndata._io.specs.registry import IORegistryError  # anndata raises it and offers it nowhere else

from tools.errors import SlideError

# What h5py, anndata and pandas raise on files that are no HDF5, cut off, damaged, or not laid out as AnnData.
BROKEN = (OSError, KeyError, ValueError, TypeError, AttributeError, IndexError, RuntimeError, IORegistryError)


def read_h5ad(path: Path, *, backed: bool = False) -> anndata.AnnData:
    """The AnnData of a file; `backed` leaves X on disk. Raises SlideError: not there, not an h5ad, damaged."""
    if not path.is_file():
        raise SlideError(f"There is no file {path}.")
    try:
        with warnings.catch_warnings(
            action="ignore", category=UserWarning
        ):  # names that occur twice are looked at here
            return anndata.read_h5ad(path, backed="r" if backed else None)
    except BROKEN as error:
        reason = str(error).strip().splitlines()
        raise SlideError(
            f"{path.name} is not an h5ad that can be read, or it is damaged "
            f"({type(error).__name__}: {reason[0][:200] if reason else 'no reason given'})."
        ) from error
