import json

import numpy as np
import pytest

from tools.annotations import labelled, laid_over, read_annotations, read_outlines
from tools.errors import SlideError
from tools.export import feature_collection
from tools.prepared import PreparedSlide
from tools.regions import region


def square(name: str, left: float, top: float, side: float, **properties) -> dict:
    ring = [[left, top], [left + side, top], [left + side, top + side], [left, top + side], [left, top]]
    named = {"classification": {"name": name}} | properties
    return {"type": "Feature", "properties": named, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def test_what_was_exported_comes_back_with_its_spots_and_names(tissue: PreparedSlide):
    spots = tissue.spots
    drawn = [region("r1", "epithelium", np.arange(12), spots), region("r2", "stroma", np.arange(20, 40), spots)]
    text = json.dumps(feature_collection(tissue.name, spots, drawn))
    read = laid_over(read_outlines(text), spots)
    assert [found.query for found in read] == ["epithelium", "stroma"]
    for found, original in zip(read, drawn, strict=True):
        np.testing.assert_array_equal(found.spots, original.spots)
        assert found.area_um2 == pytest.approx(original.area_um2, rel=0.05)


def test_axes_are_not_swapped(tissue: PreparedSlide):
    spots = tissue.spots
    (found,) = laid_over(read_outlines(json.dumps(square("right", 700, 100, 300))), spots)
    inside = spots.l0_xy[found.spots]
    assert inside[:, 0].min() >= 700
    assert inside[:, 1].max() <= 400


def test_detections_and_points_are_left_out():
    point = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [1, 2]}}
    found = read_outlines(json.dumps([square("a", 0, 0, 9), square("b", 0, 0, 9, objectType="detection"), point]))
    assert [outline.name for outline in found] == ["a"]


@pytest.mark.parametrize("text", ["no json", "[]", "3", '{"type": "FeatureCollection"}', '{"type":"Feature"}'])
def test_what_is_no_annotation_is_refused_in_a_sentence(text: str):
    with pytest.raises(SlideError, match="GeoJSON"):
        read_outlines(text)


def test_outlines_of_another_slide_are_refused(tissue: PreparedSlide):
    with pytest.raises(SlideError, match="another"):
        laid_over(read_outlines(json.dumps(square("far", 90_000, 90_000, 10))), tissue.spots)


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_labels_of_spots_become_regions(tissue: PreparedSlide, separator: str):
    ids = tissue.spots.ids
    lines = ["spot,label", *(f"{spot},gland" for spot in ids[:5]), f"{ids[9]},stroma", f"{ids[7]},", "elsewhere,fat"]
    found = read_annotations("\n".join(lines).replace(",", separator).encode(), tissue.spots)
    assert [(region.query, region.spots.tolist()) for region in found] == [("gland", [0, 1, 2, 3, 4]), ("stroma", [9])]


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", b"one column\nonly", b"a,b\nc,d"])
def test_a_table_of_something_else_is_refused(tissue: PreparedSlide, text: bytes):
    with pytest.raises(SlideError):
        labelled(text, tissue.spots)
