"""Tiles of training sections under several looks, as features of the encoder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.protocols import F32, TilePlan
from models.training.augment import Look, draw_look, with_look
from tools.datasets.consep import SourceImage, fields
from tools.datasets.sections import U8, Section, cut_square, read_rgb
from tools.files import atomic
from tools.tiles import sub_tiles

Encode = Callable[[U8], F32]


def section_tiles(section: Section, rgb: U8, plan: TilePlan, scale: float) -> U8:
    """Spot tiles (n, px, px, 3) that show `scale` times the plan's tissue."""
    side_l0 = (plan.tile_um or section.pitch_um) * scale / section.mpp
    return np.stack([cut_square(rgb, centre, side_l0, plan.tile_px) for centre in section.l0_xy])


def bag_features(tiles: U8, plan: TilePlan, encode: Encode) -> NDArray[np.float16]:
    """(n, px, px, 3) -> (n, 1 + sub-tiles, w): features of the tile, then those of its sub-tiles row-major."""
    parts = encode(sub_tiles(tiles, plan.sub_grid)).reshape(len(tiles), plan.sub_grid**2, -1)
    return np.concatenate([encode(tiles)[:, None], parts], axis=1).astype(np.float16)


def section_look(section: Section, plan: TilePlan, encode: Encode, index: int, seed: int) -> NDArray[np.float16]:
    """(n, k, w): look 0 is the section as it is, the others as other scanners might show it."""
    if section.image_path is None:
        raise ValueError(f"Section {section.name} has no image.")
    rng, look = _draw(section.name, index, seed)
    tiles = section_tiles(section, read_rgb(section.image_path), plan, look.scale)
    return bag_features(with_look(tiles, look, rng) if index else tiles, plan, encode)


def source_look(
    sources: list[SourceImage], plan: TilePlan, encode: Encode, index: int, seed: int
) -> NDArray[np.float16]:
    """The same for CoNSeP fields; every source image has looks of its own."""
    parts = []
    for source in sources:
        rng, look = _draw(source.name, index, seed)
        tiles = fields([source], (plan.tile_um or 0.0) * look.scale, plan.tile_px).tiles
        parts.append(with_look(tiles, look, rng) if index else tiles)
    return bag_features(np.concatenate(parts), plan, encode)


def coarse(tiles: U8, um_per_px: float, coarse_um: float) -> U8:
    """(n, px, px, 3) tiles of `um_per_px` as a scan of `coarse_um` um/px shows them, brought back to their size."""
    side = tiles.shape[1]
    small = max(1, round(side * um_per_px / coarse_um))
    images = [Image.fromarray(tile).resize((small, small), Image.Resampling.BOX) for tile in tiles]
    return np.stack([np.asarray(image.resize((side, side), Image.Resampling.BICUBIC)) for image in images])


def cached(path: Path, make: Callable[[], NDArray[np.float16]]) -> NDArray[np.float16]:
    """The array in `path`, made first if it is not there."""
    if not path.is_file():
        with atomic(path) as part:
            np.save(part, make())
    return np.asarray(np.load(path))


def _draw(name: str, index: int, seed: int) -> tuple[np.random.Generator, Look]:
    rng = np.random.default_rng([seed, index, *name.encode()])
    return rng, draw_look(rng, 1.0 if index else 0.0)
