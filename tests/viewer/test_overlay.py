import base64

import numpy as np
import pytest

from agent.session import Layer
from tools.regions import Region
from tools.spots import Spots
from viewer.overlay import area_words, gene_codes, layer_payload, regions_payload, score_codes, spots_payload
from viewer.palette import LEVELS, MIDDLE, MISSING, diverging, sequential

WIDTH, HEIGHT = 4000, 1500  # not square, so that swapped axes show


def unpack(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)


def some_spots(spot_um: float = 55, pitch_um: float = 100) -> Spots:
    rng = np.random.default_rng(1)
    l0_xy = rng.uniform((0, 0), (WIDTH, HEIGHT), (40, 2))
    ids = tuple(f"s{i}" for i in range(40))
    rows = np.arange(40)
    return Spots(ids, l0_xy, rows, rows, spot_um, pitch_um, "given", mpp=0.5)


def layer(kind: str, values: list[float]) -> Layer:
    return Layer("l1", "a title", kind, "slide", np.array(values, np.float32))


def test_spots_arrive_as_they_left():
    spots = some_spots()
    payload = spots_payload(spots)
    l0_xy = unpack(payload["xy"], "<f4").reshape(-1, 2)
    np.testing.assert_allclose(l0_xy, spots.l0_xy, atol=1e-3)
    assert l0_xy[:, 0].max() > HEIGHT  # x runs along the long side
    assert payload["ids"].split("\n") == list(spots.ids)
    assert payload["n"] == 40


@pytest.mark.parametrize(("spot_um", "pitch_um", "radius"), [(55, 100, 55), (55, 40, 40)])
def test_spots_never_overlap_on_the_screen(spot_um: float, pitch_um: float, radius: float):
    assert spots_payload(some_spots(spot_um, pitch_um))["radius"] == radius


def test_score_of_zero_is_the_middle_whatever_the_range():
    for values in ([-1, 0, 9], [0, 0, 0], [-30, 0, 2], [0.1, 0, -0.1]):
        codes, low, high = score_codes(np.array(values, np.float32))
        assert codes[values.index(0)] == MIDDLE
        assert low == -high


def test_scores_keep_their_order_and_sign():
    values = np.linspace(-4, 7, 200, dtype=np.float32)
    codes, _, _ = score_codes(values)
    assert (np.diff(codes.astype(int)) >= 0).all()
    assert (codes[values > 0.1] > MIDDLE).all()
    assert (codes[values < -0.1] < MIDDLE).all()


def test_small_scores_stay_pale():
    codes, _, high = score_codes(np.array([-0.1, 0.0, 0.1], np.float32))
    assert high == 1.0
    assert abs(int(codes[2]) - MIDDLE) < 20


def test_one_extreme_spot_does_not_bleach_the_rest():
    values = np.r_[np.linspace(-2, 2, 999), 500].astype(np.float32)
    _, _, high = score_codes(values)
    assert high < 3


def test_genes_use_the_whole_range_and_constant_ones_do_not_fail():
    codes, low, high = gene_codes(np.linspace(1, 3, 1000, dtype=np.float32))
    assert (codes.min(), codes.max()) == (0, LEVELS - 1)
    assert 1 <= low < high <= 3
    codes, low, high = gene_codes(np.zeros(5, np.float32))
    assert high > low
    assert (codes == 0).all()


@pytest.mark.parametrize("kind", ["score", "gene"])
def test_missing_values_are_marked_and_transparent(kind: str):
    payload = layer_payload(layer(kind, [1.0, np.nan, 2.0]))
    codes = unpack(payload["codes"], "u1")
    palette = unpack(payload["palette"], "u1").reshape(256, 4)
    assert codes[1] == MISSING
    assert palette[MISSING, 3] == 0
    assert (codes[[0, 2]] != MISSING).all()
    all_missing = layer_payload(layer(kind, [np.nan]))
    assert unpack(all_missing["codes"], "u1").tolist() == [MISSING]


def test_payload_carries_values_and_says_predicted_or_measured():
    payload = layer_payload(layer("gene", [0.5, 1.5]), "measured")
    np.testing.assert_allclose(unpack(payload["values"], "<f4"), [0.5, 1.5])
    assert "measured" in payload["units"]
    assert (payload["id"], payload["title"], payload["kind"]) == ("l1", "a title", "gene")


def test_diverging_palette_is_blue_below_neutral_at_zero_red_above():
    palette = diverging().astype(int)
    red, _, blue, alpha = palette.T
    assert np.ptp(palette[MIDDLE, :3]) < 8
    assert (blue[:100] > red[:100]).all()
    assert (red[155:LEVELS] > blue[155:LEVELS]).all()
    assert alpha[MIDDLE] == alpha[:LEVELS].min()


def test_sequential_palette_gets_brighter():
    luminance = sequential()[:LEVELS, :3] @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luminance) > -0.6).all()
    assert luminance[-1] > luminance[0] + 150


def test_regions_keep_axes_and_visibility():
    ring = np.array([[10.0, 1.0], [3000.0, 1.0], [3000.0, 1400.0]])
    found = [Region(f"r{i}", "fat", np.arange(5), (ring,), 2.5e5) for i in (1, 2)]
    payload = regions_payload(found, ["r2"])
    assert [entry["shown"] for entry in payload] == [False, True]
    assert payload[0]["rings"] == [[10.0, 1.0, 3000.0, 1.0, 3000.0, 1400.0]]
    assert payload[0]["area"] == "0.25 mm²"


def test_areas_read_well():
    assert area_words(8_200) == "8,200 µm²"
    assert area_words(1_500_000) == "1.50 mm²"
