"""Embeddings are found again by content, and only by content."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.card import Card
from models.fakes import FakeEncoder
from models.protocols import TilePlan
from tests.synthetic import MPP
from tools.files import sha256
from tools.prepare import prepare
from tools.slide import open_slide
from tools.spots import Spots, spot_grid
from tools.tile_cache import TileCache, make_room
from tools.tiles import embed_tiles
from tools.workspace import PrepareOptions, Workspace

PLAN = TilePlan(60, 32, 2)


class Counting(FakeEncoder):
    """The fake encoder, counting its tiles."""

    tiles = 0

    def encode_image(self, tiles: np.ndarray) -> np.ndarray:
        self.tiles += len(tiles)
        return super().encode_image(tiles)


def every_other(spots: Spots, start: int = 0) -> Spots:
    rows = range(start, len(spots), 2)
    keep = list(rows)
    return replace(
        spots,
        ids=tuple(spots.ids[row] for row in rows),
        l0_xy=spots.l0_xy[keep],
        array_row=spots.array_row[keep],
        array_col=spots.array_col[keep],
    )


def cache_of(root: Path, slide_path: Path, spots: Spots, plan: TilePlan = PLAN, card: Card | None = None) -> TileCache:
    return TileCache.of(root, open_slide(slide_path, MPP), spots, plan, (card or FakeEncoder.card, None))


@pytest.fixture
def kept(tmp_path: Path, he_png: Path) -> tuple[TileCache, Spots, np.ndarray]:
    """A cache that holds every other spot of the grid, those spots, and their embeddings."""
    slide = open_slide(he_png, MPP)
    half = every_other(spot_grid(slide, pitch_um=80))
    embeddings = embed_tiles(slide, half, FakeEncoder(), PLAN)
    np.save(tmp_path / "embeddings.npy", embeddings)
    cache = cache_of(tmp_path, he_png, half)
    cache.add(tmp_path / "embeddings.npy", half, 2)
    return cache, half, embeddings


def test_known_rows_are_bit_equal_and_not_encoded_again(kept, he_png: Path) -> None:  # type: ignore[no-untyped-def]
    cache, half, embeddings = kept
    slide, encoder = open_slide(he_png, MPP), Counting()
    spots = spot_grid(slide, pitch_um=80)
    known = cache.known(spots, 2)
    assert known.here.sum() == len(half) and known.here[::2].all()
    found = embed_tiles(slide, spots, encoder, PLAN, known=known)
    assert (found[::2] == embeddings).all()
    assert encoder.tiles == (len(spots) - len(half)) * PLAN.tiles_per_spot
    np.testing.assert_allclose(found, embed_tiles(slide, spots, FakeEncoder(), PLAN), atol=1e-6)


def test_tiles_without_sub_tiles_are_the_first_column(kept) -> None:  # type: ignore[no-untyped-def]
    cache, half, embeddings = kept
    known = cache.known(half, 0)
    assert known.here.all() and (known.read(np.arange(len(half))) == embeddings[:, :1]).all()
    assert not cache.known(half, 3).here.any()


def test_whatever_changes_a_tile_or_its_encoder_misses(kept, tmp_path: Path, he_png: Path) -> None:  # type: ignore[no-untyped-def]
    cache, half, _ = kept
    weights = tmp_path / "models" / "w" / "model.bin"
    weights.parent.mkdir(parents=True)
    card = replace(FakeEncoder.card, name="w", files=("model.bin",))
    folders = {cache.folder}
    for plan in (TilePlan(61, 32, 2), TilePlan(60, 33, 2), TilePlan(60, 32, 2, native=True)):
        folders.add(cache_of(tmp_path, he_png, half, plan).folder)
    for content in (b"first", b"second"):  # an encoder trained again
        weights.write_bytes(content)
        folders.add(TileCache.of(tmp_path, open_slide(he_png, MPP), half, PLAN, (card, tmp_path / "models")).folder)
    folders.add(TileCache.of(tmp_path, open_slide(he_png, 2 * MPP), half, PLAN, (FakeEncoder.card, None)).folder)
    assert len(folders) == 7
    assert cache_of(tmp_path, he_png, half, TilePlan(60, 32, 3)).folder == cache.folder  # same pixels, other sub-tiles


def test_a_damaged_entry_is_removed_and_missed(kept) -> None:  # type: ignore[no-untyped-def]
    cache, half, _ = kept
    (rows,) = cache.folder.glob("*.npy")
    content = bytearray(rows.read_bytes())
    content[-3] ^= 1
    rows.write_bytes(bytes(content))
    assert not cache.known(half, 2).here.any() and not list(cache.folder.iterdir())


def test_room_is_made_of_what_nobody_else_holds(tmp_path: Path) -> None:
    for number, name in enumerate(("old", "new", "held")):
        entry = tmp_path / "key" / name
        entry.parent.mkdir(exist_ok=True)
        np.save(entry.with_suffix(".npy"), np.zeros(1000))
        entry.with_suffix(".npz").touch()
        os.utime(entry.with_suffix(".npy"), (number, number))
    os.link(tmp_path / "key" / "held.npy", tmp_path / "embeddings.npy")
    make_room(tmp_path, limit=10_000)
    assert {path.name for path in (tmp_path / "key").iterdir()} == {"new.npy", "new.npz", "held.npy", "held.npz"}


def test_a_second_grid_encodes_only_what_is_new(tmp_path: Path, he_png: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    plain = FakeEncoder.encode_image
    monkeypatch.setattr(
        FakeEncoder, "encode_image", lambda self, tiles: counted.append(len(tiles)) or plain(self, tiles)
    )
    workspace, folder = Workspace(tmp_path), tmp_path / "slides" / "tissue"
    first = prepare(workspace, str(he_png), PrepareOptions(mpp=MPP, models="fake", pitch_um=80))
    before, checksum = sum(counted), sha256(folder / "embeddings.npy")
    assert before >= len(first.spots) * 5
    counted.clear()
    prepare(workspace, "tissue", PrepareOptions(mpp=MPP, models="fake", pitch_um=97))
    assert counted
    counted.clear()
    prepare(workspace, "tissue", PrepareOptions(mpp=MPP, models="fake", pitch_um=80))
    assert not counted and sha256(folder / "embeddings.npy") == checksum
