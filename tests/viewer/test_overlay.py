import base64

import numpy as np
import pytest

from agent.session import Layer
from tools.regions import Region
from tools.spots import Spots
from viewer.overlay import area_words, layer_payload, regions_payload, spots_payload, values_bytes
from viewer.palette import DIVERGING, LEVELS, MIDDLE, MISSING, SEQUENTIAL, palettes

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


@pytest.mark.parametrize("kind", ["score", "gene", "category"])
def test_values_travel_as_they_are_with_gaps(kind: str):
    values = np.frombuffer(values_bytes(layer(kind, [1.0, np.nan, 2.0])), "<f4")
    np.testing.assert_array_equal(values, np.array([1, np.nan, 2], np.float32))


def test_scores_are_centred_and_one_extreme_spot_does_not_bleach_the_rest():
    payload = layer_payload(layer("score", [*np.linspace(-2, 2, 999), 500]))
    assert payload["low"] == -payload["high"]
    assert payload["high"] < 3
    assert layer_payload(layer("score", [0.1, -0.1]))["high"] == 1.0


def test_a_layer_says_predicted_or_measured_and_names_its_categories():
    assert "measured" in layer_payload(layer("gene", [0.5, 1.5]), "measured")["units"]
    clusters = Layer("l2", "clusters", "category", "slide", np.array([0, 1, -1], np.float32), ("c1", "c2"))
    payload = layer_payload(clusters)
    assert (payload["labels"], payload["low"], payload["high"]) == (["c1", "c2"], 0.0, 254.0)


def test_every_palette_hides_what_is_missing():
    for name, table in palettes().items():
        assert table.shape == (256, 4), name
        assert table[MISSING, 3] == 0, name


@pytest.mark.parametrize("name", DIVERGING)
def test_diverging_palettes_are_neutral_at_zero_and_symmetric_in_strength(name: str):
    palette = palettes()[name].astype(int)
    assert np.ptp(palette[MIDDLE, :3]) < 8
    assert palette[MIDDLE, 3] == palette[:LEVELS, 3].min()
    np.testing.assert_array_equal(palette[:LEVELS, 3], palette[:LEVELS, 3][::-1])


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_sequential_palettes_get_brighter(name: str):
    luminance = palettes()[name][:LEVELS, :3] @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luminance) > -0.8).all()
    assert luminance[-1] > luminance[0] + 140


def test_regions_keep_axes_and_visibility():
    ring = np.array([[10.0, 1.0], [3000.0, 1.0], [3000.0, 1400.0]])
    found = [Region(f"r{i}", "fat", np.arange(5), (ring,), 2.5e5) for i in (1, 2)]
    payload = regions_payload(found, {"r1"}, {"r2"})
    assert [entry["shown"] for entry in payload] == [False, True]
    assert [entry["own"] for entry in payload] == [False, True]
    assert payload[0]["rows"] == [0, 1, 2, 3, 4]
    assert payload[0]["rings"] == [[10.0, 1.0, 3000.0, 1.0, 3000.0, 1400.0]]
    assert payload[0]["area"] == "0.25 mm²"


def test_areas_read_well():
    assert area_words(8_200) == "8,200 µm²"
    assert area_words(1_500_000) == "1.50 mm²"
