"""Images with segmented and typed cells in HDF files, as tiles with the number of cells of each class."""

import re
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tools.benchmark.config import Cells
from tools.errors import ToolError

I64 = NDArray[np.int64]


def read_cells(path: Path, cells: Cells, root: Path) -> tuple[NDArray[np.uint8], I64, NDArray[np.float64], list[str]]:
    """Image (h, w, 3), tiles (n, 2) as row and column, cells per class (n, c) in each, names of the classes."""
    with h5py.File(path) as file:
        absent = [key for key in (cells.image, cells.instances, cells.class_map) if key not in file]
        if absent:
            raise ToolError(f"{path.name} has no {', '.join(absent)}; it has {', '.join(file)}.")
        image = _channels_last(np.asarray(file[cells.image]))
        instances, class_map = (np.squeeze(np.asarray(file[key])) for key in (cells.instances, cells.class_map))
    names = cells.names or _names_in(root, cells.names_in)
    tiles, counts = count_cells(instances, class_map, len(names), cells.tile_px, drop_last=cells.drop_last)
    if not len(tiles):
        raise ToolError(f"{path.name}: no tile of {cells.tile_px} px holds a cell.")
    return image, tiles, counts, names


def count_cells(
    instances: I64, class_map: I64, classes: int, tile_px: int, *, drop_last: bool
) -> tuple[I64, NDArray[np.float64]]:
    """Tiles (n, 2) with at least one cell and their cells by class (n, c).

    A cell belongs to the tile of its centroid and is of the class at the first pixel of its mask in reading order, as
    in the successor's benchmark; `drop_last` leaves out cells of the last occupied row and column of tiles.
    """
    numbers, first = np.unique(instances.ravel(), return_index=True)
    first, numbers = first[numbers > 0], numbers[numbers > 0]
    if not len(numbers):
        return np.zeros((0, 2), np.int64), np.zeros((0, classes))
    kind = class_map.ravel()[first].astype(np.int64)
    if kind.max() >= classes:
        raise ToolError(f"A cell is of class {kind.max()}, but only {classes} classes have names.")
    centre = np.array(ndimage.center_of_mass(np.ones_like(instances, np.uint8), instances, numbers))
    tile = (centre / tile_px).astype(np.int64)
    if drop_last and (tile.max(axis=0) > 0).all():
        kept = (tile < tile.max(axis=0)).all(axis=1)
        tile, kind = tile[kept], kind[kept]
    tiles, inverse = np.unique(tile, axis=0, return_inverse=True)
    counts = np.zeros((len(tiles), classes))
    np.add.at(counts, (inverse.ravel(), kind), 1)
    return tiles, counts


def _channels_last(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    image = image.transpose(1, 2, 0) if image.shape[0] == 3 else image
    if image.dtype == np.uint8:
        return np.asarray(image, np.uint8)
    scaled = np.asarray(image, np.float64) * (255 if image.max() <= 1 else 1)
    return np.asarray(np.rint(scaled).clip(0, 255), np.uint8)


def _names_in(root: Path, name: str | None) -> list[str]:
    """Class names from a text of `number: 'name'` entries."""
    path = root / (name or "")
    if name is None or not path.is_file():
        raise ToolError(f"The names of the classes are missing: give `names`, or a file for `names_in` ({path}).")
    pairs = re.findall(r"(\d+)\s*:\s*['\"]([^'\"]+)['\"]", path.read_text())
    found = {int(number): label for number, label in pairs}
    if sorted(found) != list(range(len(found))):
        raise ToolError(f"{path.name} must number its classes from 0 on without a gap.")
    return [found[number] for number in range(len(found))]
