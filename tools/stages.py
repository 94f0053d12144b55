"""What each stage of a preparation writes, and how it is read back. The order of the stages is prepare's."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from models.card import Card
from models.protocols import F32, ExpressionPredictor, JointModel, Rows, TilePlan
from tools.expression import expression_parts, without_expression
from tools.files import atomic
from tools.h5ad import read_h5ad
from tools.joint import joint_rows
from tools.on_disk import add_to_h5ad, write_h5ad, write_rows
from tools.slide import Slide
from tools.spots import Spots
from tools.tiles import Progress

THUMB_PX = 1000
COARSE = 1.6  # how much coarser than the model's um/px a slide may be before it is said


def save_spots(path: Path, spots: Spots) -> None:
    """Write spots as npz."""
    fields = asdict(spots)
    fields["ids"] = np.array(spots.ids, dtype=str)
    fields["tissue_um2"] = np.nan if spots.tissue_um2 is None else spots.tissue_um2
    with atomic(path) as part:
        np.savez(part, **fields)


def load_spots(path: Path) -> Spots:
    """Read spots as `save_spots` wrote them."""
    with np.load(path, allow_pickle=False) as stored:
        fields: dict[str, Any] = {name: stored[name] for name in stored.files}
    for name in ("spot_um", "pitch_um", "mpp", "tissue_um2"):
        fields[name] = float(fields[name])
    fields["tissue_um2"] = None if np.isnan(fields["tissue_um2"]) else fields["tissue_um2"]
    return Spots(**fields | {"ids": tuple(map(str, fields["ids"])), "layout": str(fields["layout"])})


def write_embeddings(
    path: Path, parts: Path, encode_from: Callable[[int], Iterator[tuple[int, F32]]], total: int, progress: Progress
) -> None:
    """Write tile embeddings (n, k, d). Finished batches lie in `parts`, so that a killed run goes on where it was.

    `encode_from(row)` yields (row after the batch, batch) from that row on.
    """
    parts.mkdir(parents=True, exist_ok=True)
    done = _finished_parts(parts)
    start = done[-1][1] if done else 0
    for stop, batch in encode_from(start):
        with atomic(parts / f"{start:08d}-{stop:08d}.npy") as part:
            np.save(part, batch)
        start = stop
        progress("embed tiles", stop, total)
    with atomic(path) as whole:
        write_rows(whole, (np.load(part) for part, _ in _finished_parts(parts)), total)
    shutil.rmtree(parts)


def _finished_parts(parts: Path) -> list[tuple[Path, int]]:
    """(file, row after it) of the parts that follow each other without a gap from row 0."""
    found: list[tuple[Path, int]] = []
    for path in sorted(parts.glob("[0-9]*.npy")):
        start, stop = (int(number) for number in path.stem.split("-"))
        if start == (found[-1][1] if found else 0):
            found.append((path, stop))
    return found


def write_expression(
    path: Path, embeddings: Rows, slide: Slide, spots: Spots, predictor: ExpressionPredictor, sha256: dict[str, str]
) -> None:
    """Write spots.h5ad with predicted expression, the slide's picture and its provenance; X goes part by part."""
    data = without_expression(spots, predictor)
    thumb = slide.thumbnail(THUMB_PX)
    factors = {
        "tissue_hires_scalef": thumb.shape[1] / slide.width,
        "spot_diameter_fullres": spots.spot_um / spots.mpp,
    }
    data.uns["spatial"] = {slide.name: {"images": {"hires": thumb}, "scalefactors": factors}}
    data.uns["provenance"] = {
        "expression": "predicted",
        "units": units(predictor.card),
        "models": {"encoder": predictor.encoder, "predictor": predictor.card.name},
        "sha256": sha256,
        "mpp": spots.mpp,
        "notes": np.array(notes(spots, predictor.plan, predictor.card), dtype=object),
    }
    with atomic(path) as part:
        write_h5ad(part, data, expression_parts(embeddings, spots, predictor))


def units(card: Card) -> str:
    """Units of predicted expression; relative values must not be compared between genes."""
    return "relative log1p CP10K" if card.relative else "log1p CP10K"


def write_joint(path: Path, joint: JointModel, seen: Mapping[str, F32]) -> None:
    """Add `obsm["X_joint"]` to spots.h5ad, and `obsm["X_<name>"]` of image-text models (n, d)."""
    data = read_h5ad(path, backed=True)
    try:
        obsm, models = {"X_joint": joint_rows(data, joint)}, {"joint": joint.card.name}
    finally:
        data.file.close()
    for name, rows in seen.items():
        obsm[f"X_{name}"], models["image-text"] = rows, name
    with atomic(path) as part:
        shutil.copyfile(path, part)
        add_to_h5ad(part, obsm, models)


def notes(spots: Spots, plan: TilePlan, card: Card) -> list[str]:
    """Sentences about where this slide lies outside of what the models know."""
    found = []
    um_per_px = (plan.tile_um or spots.spot_um) / plan.tile_px
    if spots.mpp > COARSE * um_per_px:
        found.append(
            f"This slide has {spots.mpp:.2g} um per pixel, the models learned at {um_per_px:.2g}: nuclei are not "
            "resolved, so take the maps as coarse hints."
        )
    if card.relative:
        found.append("Expression is relative: compare a gene between spots, never genes within a spot.")
    if card.organs:
        found.append(f"The expression model learned from {', '.join(card.organs)}; elsewhere its answers are hints.")
    return found
