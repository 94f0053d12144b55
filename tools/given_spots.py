"""Spots that are given: a Space Ranger folder of any version, an h5ad, a CSV.

Published frames differ; everything becomes (x, y) = (column, row) in level-0 pixels of the slide here, once.
"""

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tools.errors import MppNeeded, SlideError
from tools.h5ad import read_h5ad
from tools.slide import Slide
from tools.spots import Spots, tissue_share

VISIUM_PITCH_UM, SPOT_UM = 100.0, 55.0
OLD_COLUMNS = ["barcode", "in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres"]
POSITION_FILES = ("tissue_positions.csv", "tissue_positions_list.csv", "tissue_positions.parquet")
LEAST_PITCH_UM = 1.0  # the finest bins of Visium HD are 2 um apart
SWAPPED = "x and y look swapped; x is the column, y the row, both in pixels of the full-resolution image"
X_NAMES = ("x", "pxl_col_in_fullres", "pixel_x", "l0_x")
Y_NAMES = ("y", "pxl_row_in_fullres", "pixel_y", "l0_y")


@dataclass(frozen=True)
class Positions:
    """Spots in the frame of a file: `xy` (n, 2) columns and rows of the full-resolution image."""

    ids: list[str]
    xy: NDArray[np.float64]
    array: NDArray[np.int64] | None
    visium: bool
    scales: dict[str, float]  # scale factors to smaller images that the file may belong to


def is_space_ranger(path: Path) -> bool:
    """Whether a folder holds spot positions as Space Ranger writes them."""
    return path.is_dir() and _positions_file(path) is not None


def space_ranger_image(folder: Path) -> Path:
    """The sharpest image in a Space Ranger folder. Raises SlideError where there is none."""
    spatial = _positions_file(folder)
    found = [] if spatial is None else sorted(spatial.parent.glob("tissue_hires_image.*"))
    if not found:
        raise SlideError(
            f"{folder} holds no spatial/tissue_hires_image.png; give the slide itself with --spots {folder}."
        )
    return found[0]


def read_spots(path: Path, slide: Slide, spot_um: float = SPOT_UM) -> Spots:
    """Spots of `slide` from a Space Ranger folder, an h5ad (`obsm["spatial"]`) or a CSV (id, x, y).

    Where the slide has no mpp and the spots are Visium's, their 100 um pitch gives it. Raises SlideError: nothing
    readable, duplicate ids, or spots that miss the slide (another image, another scale, rows and columns swapped).
    """
    if not path.exists():
        raise SlideError(f"There are no spots at {path}: no such file or folder.")
    if path.is_dir():
        found = _read_space_ranger(path)
    elif path.suffix == ".h5ad":
        found = _read_h5ad(path)
    else:
        found = _read_csv(path)
    if len(set(found.ids)) != len(found.ids):
        raise SlideError(f"{path.name} names some spots twice; each spot id must occur once.")
    good = int(np.isfinite(found.xy).all(axis=1).sum())
    if good < len(found.ids):
        raise SlideError(
            f"{path.name}: x or y of {len(found.ids) - good} of {len(found.ids)} spots is no finite number; write "
            "plain numbers such as 1234.5, with a point and without thousands separators."
        )
    if good < 2:
        raise SlideError(f"{path.name} gives {good} usable spots; at least 2 with finite positions are needed.")
    return _on_slide(found, slide, spot_um, path)


def _on_slide(found: Positions, slide: Slide, spot_um: float, path: Path) -> Spots:
    l0_xy = found.xy * _scale_to(slide, found, path)
    distance = cKDTree(l0_xy).query(l0_xy, k=2)[0][:, 1]
    l0_pitch = float(np.median(distance))
    mpp = slide.mpp
    if mpp is None and found.visium:
        mpp = VISIUM_PITCH_UM / l0_pitch
    if mpp is None:
        raise MppNeeded(f"Neither {slide.path.name} nor its spots say how many microns a pixel is; give --mpp.")
    if l0_pitch * mpp < LEAST_PITCH_UM:
        raise SlideError(
            f"The spots in {path.name} lie {l0_pitch * mpp:.2g} um apart, at least {LEAST_PITCH_UM:g} are expected: "
            "do all have the same place, or are thousands separators read as decimal points?"
        )
    _refuse_swapped(replace(slide, mpp=mpp), l0_xy, path)
    array = found.array if found.array is not None else np.stack([np.arange(len(l0_xy)), np.zeros(len(l0_xy))], 1)
    array = array.astype(np.int64)
    return Spots(tuple(found.ids), l0_xy, array[:, 0], array[:, 1], spot_um, l0_pitch * mpp, "given", mpp)


def _scale_to(slide: Slide, found: Positions, path: Path) -> float:
    """Factor from the file's frame to the slide's pixels: 1 for the full-resolution image, else a stored one."""
    size = np.array([slide.width, slide.height])
    for scale in [factor for name, factor in found.scales.items() if name in slide.path.name] + [1.0]:
        xy = found.xy * scale
        inside = ((xy >= 0) & (xy < size)).all(axis=1).mean()
        if inside >= 0.95:
            if ((xy < -size) | (xy > 2 * size)).any():
                raise SlideError(f"Some spots in {path.name} lie far outside {slide.path.name}; leave them out.")
            return float(scale)
    swapped = ((found.xy[:, ::-1] * scale >= 0) & (found.xy[:, ::-1] * scale < size)).all(axis=1).mean()
    hint = SWAPPED if swapped >= 0.95 else "they belong to another image or another scale"
    raise SlideError(
        f"{1 - inside:.0%} of the spots in {path.name} lie outside {slide.path.name} "
        f"({slide.width} x {slide.height} px): {hint}."
    )


def _refuse_swapped(slide: Slide, l0_xy: NDArray[np.float64], path: Path) -> None:
    """Raise SlideError where the spots miss the tissue and would lie on it with x and y exchanged."""
    as_given, exchanged = tissue_share(slide, l0_xy), tissue_share(slide, l0_xy[:, ::-1])
    if exchanged >= 0.6 and as_given <= exchanged - 0.25:
        raise SlideError(
            f"Only {as_given:.0%} of the spots in {path.name} lie on tissue of {slide.path.name}, but {exchanged:.0%} "
            f"would with rows and columns exchanged: {SWAPPED}."
        )


def _positions_file(folder: Path) -> Path | None:
    for base in (folder / "spatial", folder, folder / "outs" / "spatial"):
        for name in POSITION_FILES:
            if (base / name).is_file():
                return base / name
    return None


def _read_space_ranger(folder: Path) -> Positions:
    path = _positions_file(folder)
    if path is None:
        raise SlideError(f"{folder} is no Space Ranger folder: none of {', '.join(POSITION_FILES)} is in it.")
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
    else:
        with path.open() as lines:
            old = not lines.readline().startswith("barcode")
        table = pd.read_csv(path, header=None, names=OLD_COLUMNS) if old else pd.read_csv(path)
    absent = [name for name in OLD_COLUMNS if name not in table.columns]
    if absent:
        raise SlideError(f"{path.name} lacks the columns {', '.join(absent)}.")
    table = table[table["in_tissue"] == 1]
    scales_file = path.parent / "scalefactors_json.json"
    stored = json.loads(scales_file.read_text()) if scales_file.is_file() else {}
    scales = {
        name: float(stored[f"tissue_{name}_scalef"])
        for name in ("hires", "lowres")
        if f"tissue_{name}_scalef" in stored
    }
    xy = table[["pxl_col_in_fullres", "pxl_row_in_fullres"]].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    array = table[["array_row", "array_col"]].to_numpy(np.int64)
    return Positions(table["barcode"].astype(str).tolist(), xy, array, "bin_size_um" not in stored, scales)


def _read_h5ad(path: Path) -> Positions:
    data = read_h5ad(path, backed=True)
    obs = data.obs
    if "spatial" in data.obsm:
        xy = np.asarray(data.obsm["spatial"], np.float64)[:, :2]
    elif {"x_pixel", "y_pixel"} <= set(obs.columns):
        xy = obs[["y_pixel", "x_pixel"]].to_numpy(np.float64)  # DeepSpot's x_pixel is the row
    else:
        raise SlideError(f'{path.name} has neither obsm["spatial"] nor obs x_pixel and y_pixel, so no positions.')
    ids = [str(name) for name in data.obs_names]
    data.file.close()
    return Positions(ids, xy, _array(obs), False, {})


def _read_csv(path: Path) -> Positions:
    try:
        encoding = "utf-16" if path.read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        table = pd.read_csv(path, sep=None, engine="python", dtype={0: str}, encoding=encoding)
    except (ValueError, OSError, csv.Error, IndexError) as error:
        raise SlideError(f"{path.name} is not a table that can be read ({error}).") from error
    table = table.rename(columns={name: str(name).strip().lower() for name in table.columns})
    x = next((name for name in X_NAMES if name in table.columns), None)
    y = next((name for name in Y_NAMES if name in table.columns), None)
    if table.columns.duplicated().any():
        raise SlideError(
            f"{path.name} has two columns called {table.columns[table.columns.duplicated()][0]}; rename one."
        )
    if x is None or y is None:
        raise SlideError(
            f"{path.name} needs columns x and y (level-0 pixels); found {', '.join(map(str, table.columns))}."
        )
    name = next((column for column in ("spot", "barcode", "id") if column in table.columns), table.columns[0])
    ids = [str(i) for i in range(len(table))] if name in (x, y) else table[name].astype(str).tolist()
    xy = table[[x, y]].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    return Positions(ids, xy, _array(table), False, {})


def _array(table: pd.DataFrame) -> NDArray[np.int64] | None:
    for names in (["array_row", "array_col"], ["x_array", "y_array"]):
        if set(names) <= set(table.columns):
            numbers: NDArray[np.float64] = table[names].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
            if np.isfinite(numbers).all() and (np.abs(numbers) < 1e9).all():
                return np.asarray(numbers, np.int64)
    return None


def with_mpp(slide: Slide, spots: Spots) -> Slide:
    """The slide at the scale that its spots gave it."""
    return slide if slide.mpp is not None else replace(slide, mpp=spots.mpp)
