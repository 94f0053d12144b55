"""How one tissue looks under other stains, scanners and orientations. One draw stands for one slide."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

U8 = NDArray[np.uint8]
# Optical-density directions of haematoxylin, eosin and the rest (Ruifrok and Johnston 2001), rows of unit norm.
STAINS = np.array([[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]])


@dataclass(frozen=True)
class Look:
    """One slide's appearance: factors and offsets on stain amounts, gain and offset per colour, blur in px, scale."""

    stain_gain: NDArray[np.float64]
    stain_shift: NDArray[np.float64]
    gain: NDArray[np.float64]
    shift: NDArray[np.float64]
    gamma: float
    blur_px: float
    scale: float


def draw_look(rng: np.random.Generator, strength: float = 1.0) -> Look:
    """A random slide; strength 0 is the slide as it is."""
    return Look(
        stain_gain=np.exp(strength * rng.normal(0, 0.35, 3)),
        stain_shift=strength * rng.normal(0, 0.03, 3),
        gain=1 + strength * rng.normal(0, 0.05, 3),
        shift=strength * rng.normal(0, 7.0, 3),
        gamma=float(np.exp(strength * rng.normal(0, 0.2))),
        blur_px=float(max(0.0, strength * rng.normal(0, 0.7))),
        scale=float(np.exp(strength * rng.normal(0, 0.18))),
    )


def restain(tiles: U8, look: Look) -> U8:
    """(n, h, w, 3) RGB under the colours of `look`; shapes stay."""
    density = -np.log((tiles.astype(np.float32) + 1.0) / 256.0)
    mix = np.linalg.inv(STAINS) @ np.diag(look.stain_gain) @ STAINS
    density = density @ mix.astype(np.float32)
    # An offset in stain belongs to tissue, not to glass.
    tissue = np.clip(density.mean(axis=-1, keepdims=True) / 0.3, 0, 1)
    density = density + tissue * (look.stain_shift @ STAINS).astype(np.float32)
    unit = np.exp(-np.clip(density, 0, None)) ** np.float32(look.gamma)
    rgb = unit * (255.0 * look.gain).astype(np.float32) + look.shift.astype(np.float32)
    return np.asarray(np.clip(rgb, 0, 255), np.uint8)


def blur(tiles: U8, radius_px: float) -> U8:
    """(n, h, w, 3) out of focus."""
    if radius_px < 0.2:
        return tiles
    kernel = ImageFilter.GaussianBlur(radius_px)
    return np.stack([np.asarray(Image.fromarray(tile).filter(kernel)) for tile in tiles])


def turn(tiles: U8, rng: np.random.Generator) -> U8:
    """Every tile flipped and rotated by a random multiple of 90 degrees."""
    turned = [np.rot90(tile, k)[:, :: 1 - 2 * flip] for tile, k, flip in zip(
        tiles, rng.integers(0, 4, len(tiles)), rng.integers(0, 2, len(tiles)), strict=True)]  # fmt: skip
    return np.ascontiguousarray(np.stack(turned))


def with_look(tiles: U8, look: Look, rng: np.random.Generator) -> U8:
    """Stain, blur and orientation; the scale of `look` is for whoever cuts the tiles."""
    return turn(blur(restain(tiles, look), look.blur_px), rng)
