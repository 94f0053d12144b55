"""Labelled samples: where the slide is, its spots, the truth of every group, measured expression if there is any."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from tools.benchmark.cells import read_cells
from tools.benchmark.config import Config
from tools.benchmark.counts import read_counts
from tools.benchmark.labels import for_group, read_labels
from tools.benchmark.paths import find, need, sample_names, unzipped
from tools.errors import ToolError
from tools.files import atomic
from tools.given_spots import read_spots
from tools.slide import open_slide

VISIUM_PITCH_UM = 100.0


@dataclass(frozen=True)
class Truth:
    """What is known of the spots for one group.

    `words` (n,) the label, "" where left out; `left_out` spots by the word they carry. For the definition by presence,
    `counts` (n, c) how many cells of each query's label a tile holds and `kept` (n,) which tiles count.
    """

    words: NDArray[np.str_]
    left_out: dict[str, int] = field(default_factory=dict)
    counts: NDArray[np.float64] | None = None
    kept: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Sample:
    """n spots or patches. `images` (n,) names what belongs to one picture: tiles of several may lie on one slide."""

    name: str
    patient: str
    ids: tuple[str, ...]
    l0_xy: NDArray[np.float64]
    images: NDArray[np.str_]
    truths: dict[str, Truth]
    slide: Path | None = None
    spots_path: Path | None = None
    mpp: float | None = None
    spot_um: float = 55.0
    pitch_um: float = 100.0
    read_measured: Callable[[], anndata.AnnData] | None = None  # raw counts or log1p CP10K, spots by barcode

    def measured(self) -> anndata.AnnData | None:
        """log1p CP10K of this sample's spots in their order, None where nothing was measured."""
        if self.read_measured is None:
            return None
        data = self.read_measured()
        absent = [spot for spot in self.ids if spot not in data.obs_names]
        if absent:
            raise ToolError(f"{self.name}: {len(absent)} spots have no measured expression, '{absent[0]}' for one.")
        return data[list(self.ids)].copy()


def read_samples(config: Config, data: Path, work: Path) -> list[Sample]:
    """All samples of a benchmark; what must be converted first is written to `work`."""
    from tools.benchmark.datasets import read_consep, read_her2st

    root = data / config.root
    if not root.is_dir():
        raise ToolError(f"{config.name}: there is no folder {config.root or '.'} in {data}.")
    if config.dataset == "her2st":
        return read_her2st(config, root, work)
    if config.dataset == "consep":
        return read_consep(config, root, work)
    return [_read(config, name, root, work) for name in sample_names(config.samples, root)]


def _read(config: Config, name: str, root: Path, work: Path) -> Sample:
    each = config.each
    patient = each.patient.replace("{sample}", name)
    if each.cells is not None:
        return cell_sample(config, name, root, work)
    slide = find(root, each.slide, name) or _slide_of_h5ad(config, name, root, work)
    if slide is None:
        raise ToolError(f"{name}: there is no slide; give `slide` or `slide_in`.")
    spots_path = unzipped(need(root, each.spots, name, "file of spots"), work)
    mpp = visium_mpp(spots_path) if each.mpp == "visium" and spots_path.suffix == ".h5ad" else each.mpp
    spots = read_spots(spots_path, open_slide(slide, mpp if isinstance(mpp, float) else None), each.spot_um)
    truths = {}
    for group, source in each.labels.items():
        found = read_labels(source, root, name, spots.l0_xy, spots.ids)
        labels = for_group(found.words, config.groups[group], name)
        truths[group] = Truth(labels.words, labels.left_out)
    measured = find(root, each.measured, name)
    return Sample(
        name, patient, spots.ids, spots.l0_xy, np.full(len(spots), name), truths, slide, spots_path, spots.mpp,
        each.spot_um, spots.pitch_um, (lambda: read_counts(unzipped(measured, work))) if measured else None,
    )  # fmt: skip


def cell_sample(config: Config, name: str, root: Path, work: Path) -> Sample:
    """Tiles of one image with the cells in them, from an HDF file."""
    cells = config.each.cells
    assert cells is not None
    image, tiles, counts, classes = read_cells(need(root, cells.hdf, name, "HDF file"), cells, root)
    slide = write_image(work / "images" / f"{name}.png", image)
    mpp = config.each.mpp if isinstance(config.each.mpp, float) else 0.5
    ids = tuple(f"{row}x{column}" for row, column in tiles)
    l0_xy = np.asarray((tiles[:, ::-1] + 0.5) * cells.tile_px, np.float64)
    spots_path = write_spots(work / "spots" / f"{name}.csv", ids, l0_xy, tiles)
    column = {label: j for j, label in enumerate(classes)}
    truths = {}
    for key, group in config.groups.items():
        absent = [label for label in group.queries if label not in column]
        if absent:
            raise ToolError(f"{name}: there is no class {', '.join(absent)}; classes: {', '.join(classes)}.")
        biggest = np.asarray(classes)[counts.argmax(axis=1)]
        dropped = np.isin(biggest, group.drop_dominated_by)
        words = np.where(dropped, "", biggest)
        left_out = {label: int((biggest[dropped] == label).sum()) for label in np.unique(biggest[dropped])}
        truths[key] = Truth(words, left_out, counts[:, [column[label] for label in group.queries]], ~dropped)
    um = cells.tile_px * mpp
    patient = config.each.patient.replace("{sample}", name)
    return Sample(name, patient, ids, l0_xy, np.full(len(ids), name), truths, slide, spots_path, mpp, um, um)


def visium_mpp(path: Path) -> float:
    """Um per pixel of an h5ad of Visium spots, whose distance is 100 um."""
    data = anndata.read_h5ad(path, backed="r")
    if "spatial" in data.obsm:
        xy = np.asarray(data.obsm["spatial"], np.float64)
    else:
        xy = data.obs[["x_pixel", "y_pixel"]].to_numpy(np.float64)
    return VISIUM_PITCH_UM / float(np.median(cKDTree(xy).query(xy, k=2)[0][:, 1]))


def _slide_of_h5ad(config: Config, name: str, root: Path, work: Path) -> Path | None:
    """The picture in the `uns` of an h5ad as a PNG in `work`."""
    if config.each.slide_in is None:
        return None
    out = work / "images" / f"{name}.png"
    if out.is_file():
        return out
    path = unzipped(need(root, config.each.slide_in, name, "slide"), work)
    with h5py.File(path) as file:
        key = next((key for key in config.each.slide_uns if f"uns/{key}" in file), None)
        if key is None:
            raise ToolError(f"{path.name} holds no uns {' or '.join(config.each.slide_uns)}.")
        return write_image(out, np.asarray(file[f"uns/{key}"]))


def write_image(path: Path, pixels: NDArray[np.generic]) -> Path:
    """(h, w, 3) uint8, or floats up to 1, as a PNG, unless it is there."""
    if not path.is_file():
        if pixels.dtype != np.uint8:
            pixels = np.asarray(pixels, np.float64)
            pixels = np.rint(pixels * (255 if pixels.max() <= 1 else 1)).clip(0, 255).astype(np.uint8)
        with atomic(path) as part:
            Image.fromarray(pixels).save(part, compress_level=1)
    return path


def write_spots(path: Path, ids: tuple[str, ...], l0_xy: NDArray[np.float64], array: NDArray[np.generic]) -> Path:
    """A CSV of spots as `prepare --spots` reads it; `array` (n, 2) row and column."""
    table = pd.DataFrame({"spot": ids, "x": l0_xy[:, 0], "y": l0_xy[:, 1]})
    table[["array_row", "array_col"]] = np.asarray(array, np.int64)
    with atomic(path) as part:
        table.to_csv(part, index=False)
    return path
