from pathlib import Path

import numpy as np
import pytest

from models.protocols import TilePlan
from tests.synthetic import MPP
from tools.slide import open_slide
from tools.spots import spot_grid
from tools.tiles import embed_tiles, iter_embeddings, sub_tiles


class MeanColour:
    """An encoder that counts what it is given."""

    def __init__(self) -> None:
        self.tiles = 0

    def encode_image(self, tiles: np.ndarray) -> np.ndarray:
        self.tiles += len(tiles)
        return tiles.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)


def test_sub_tiles_are_row_major_and_drop_the_remainder() -> None:
    tile = np.zeros((1, 7, 7, 3), np.uint8)
    tile[0, :3, 3:6] = 1
    tile[0, 3:6, :3] = 2
    assert [int(part.max()) for part in sub_tiles(tile, 2)] == [0, 1, 2, 0]
    assert sub_tiles(tile, 2).shape == (4, 3, 3, 3)


def test_each_tile_is_encoded_once(he_png: Path) -> None:
    slide, encoder, plan = open_slide(he_png, MPP), MeanColour(), TilePlan(60, 32, 3)
    spots = spot_grid(slide, pitch_um=80)
    seen: list[tuple[str, int, int]] = []
    embeddings = embed_tiles(slide, spots, encoder, plan, lambda *state: seen.append(state))  # type: ignore[arg-type]
    assert embeddings.shape == (len(spots), plan.tiles_per_spot, 3)
    assert encoder.tiles == len(spots) * plan.tiles_per_spot
    assert seen[-1] == ("embed tiles", len(spots), len(spots))


def test_the_spot_tile_is_the_mean_of_its_sub_tiles(he_png: Path) -> None:
    slide = open_slide(he_png, MPP)
    spots = spot_grid(slide, pitch_um=80)
    embeddings = embed_tiles(slide, spots, MeanColour(), TilePlan(60, 32, 2))  # type: ignore[arg-type]
    assert embeddings[:, 0] == pytest.approx(embeddings[:, 1:].mean(axis=1), abs=0.01)


def test_going_on_from_a_row_gives_the_same(he_png: Path) -> None:
    slide, plan = open_slide(he_png, MPP), TilePlan(None, 32, 0)
    spots = spot_grid(slide, pitch_um=60)
    whole = embed_tiles(slide, spots, MeanColour(), plan)  # type: ignore[arg-type]
    rest = np.concatenate([batch for _, batch in iter_embeddings(slide, spots, MeanColour(), plan, 40)])  # type: ignore[arg-type]
    assert (rest == whole[40:]).all()


def test_purple_and_pink_fall_on_their_sides(he_png: Path) -> None:
    slide = open_slide(he_png, MPP)
    spots = spot_grid(slide, pitch_um=60)
    red = embed_tiles(slide, spots, MeanColour(), TilePlan(None, 32, 0))[:, 0, 0]  # type: ignore[arg-type]
    x = spots.l0_xy[:, 0]
    assert red[x < 470].max() < red[x > 530].min()
