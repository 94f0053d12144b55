"""What leaves the program opens again and says the same."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import anndata
import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from PIL import Image

from tools import export
from tools.export.layers import Kind
from tools.export.legend import bar_um
from tools.prepared import PreparedSlide
from tools.regions import highlight, region


@dataclass(frozen=True)
class Map:
    title: str
    kind: Kind
    values: NDArray[np.float32]
    labels: tuple[str, ...] = ()


@pytest.fixture
def maps(tissue: PreparedSlide) -> list[Map]:
    scores = tissue.text_scores("epithelium")
    halves = (scores > 0).astype(np.float32)
    halves[0] = np.nan
    return [Map("epithelium", "score", scores), Map("halves", "category", halves, ("low", "=high"))]


def test_geojson_keeps_area_position_and_holes(tissue: PreparedSlide, maps: list[Map], tmp_path: Path) -> None:
    centre = tissue.spots.l0_xy.mean(axis=0)
    distance = np.linalg.norm(tissue.spots.l0_xy - centre, axis=1) * tissue.mpp
    ring = region("r1", "ring", np.flatnonzero((distance > 110) & (distance < 240)), tissue.spots)
    path = export.write_geojson(tmp_path / "r.geojson", "tissue", tissue.spots, [ring], maps)
    features = json.loads(path.read_text())["features"]
    shape = shapely.geometry.shape(features[0]["geometry"])
    assert features[0]["properties"]["objectType"] == "annotation"
    assert features[0]["properties"]["classification"]["name"] == "ring"
    assert shape.area * tissue.mpp**2 == pytest.approx(ring.area_um2, rel=0.04)
    assert not shape.contains(shapely.Point(centre)) and len(shape.interiors) == 1
    spots = features[1:]
    assert len(spots) == len(tissue.spots) and {f["properties"]["objectType"] for f in spots} == {"detection"}
    assert "classification" not in spots[0]["properties"]
    assert spots[1]["properties"]["measurements"]["score: epithelium"] == pytest.approx(maps[0].values[1], abs=1e-3)
    again = export.feature_collection("tissue", tissue.spots, [ring], maps)["features"]
    assert [f["id"] for f in again] == [f["id"] for f in features] and len({f["id"] for f in again}) == len(again)


def test_csv_has_a_row_per_spot_and_no_formulas(tissue: PreparedSlide, maps: list[Map], tmp_path: Path) -> None:
    found = highlight(maps[0].values, tissue.spots, "epithelium")
    path = export.write_csv(tmp_path / "s.csv", export.spot_table(tissue, found, maps))
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["spot"] for row in rows] == list(tissue.spots.ids)
    assert float(rows[3]["x_um"]) == pytest.approx(float(rows[3]["x"]) * tissue.mpp, abs=0.1)
    assert sum(bool(row["regions"]) for row in rows) == len(np.unique(np.concatenate([r.spots for r in found])))
    assert rows[0]["category: halves"] == "" and {"low", "'=high"} == {row["category: halves"] for row in rows[1:]}


def test_h5ad_opens_with_layers_and_regions(tissue: PreparedSlide, maps: list[Map], tmp_path: Path) -> None:
    found = highlight(maps[0].values, tissue.spots, "epithelium")
    data = anndata.read_h5ad(export.write_h5ad(tmp_path / "s.h5ad", tissue, found, maps))
    np.testing.assert_allclose(data.obs["score: epithelium"], maps[0].values)
    np.testing.assert_array_equal(data.obsm["spatial"], tissue.adata.obsm["spatial"])
    assert data.uns["provenance"]["expression"] == "predicted"
    assert [entry["id"] for entry in json.loads(data.uns["regions"])] == [r.id for r in found]
    assert "score: epithelium" not in tissue.adata.obs


@pytest.mark.parametrize("number", [0, 1])
def test_png_shows_the_map_where_the_spots_are(
    tissue: PreparedSlide, maps: list[Map], tmp_path: Path, number: int
) -> None:
    path = export.write_png(tmp_path / "f.png", tissue, maps[number], caption="Predicted, not measured.")
    picture = Image.open(path)
    assert picture.info["dpi"] == pytest.approx((300, 300), abs=1)
    with_map = np.asarray(picture.convert("RGB"), int)
    without = np.asarray(export.figure(tissue), int)
    height, width = min(with_map.shape[0], without.shape[0]), without.shape[1] - 40
    changed = np.abs(with_map[:height, :width] - without[:height, :width]).sum(axis=2) > 40
    assert 0.1 < changed.mean() < 0.9


def test_scale_bars_are_round_numbers() -> None:
    for width in np.geomspace(20, 90_000, 40):
        length = bar_um(width)
        assert width / 13 < length <= width / 5
        assert f"{length:e}"[0] in "125" and set(f"{length:e}".split("e")[0][1:]) <= {".", "0"}


def test_report_escapes_and_embeds(tissue: PreparedSlide, maps: list[Map]) -> None:
    picture = export.ReportPicture(export.figure(tissue, maps[0], max_px=200), "epithelium <map>")
    table = export.ReportTable("Genes", [{"gene": "KRT5", "p": 1e-12, "reliability": None}])
    turn = export.ReportTurn(
        "where is <script>alert(1)</script>?", "It is here:\n- r1\n\nDone.", [("f()", "a\nb")], [picture], [table]
    )
    page = export.report_html(export.Report("tissue", ["one fact"], [turn]))
    assert "<script>" not in page and "&lt;script&gt;" in page and "<li>r1</li>" in page
    assert page.count("data:image/jpeg;base64,") == 1 and "1.0e-12" in page and "http" not in page
    assert "Nothing has been asked yet" in export.report_html(export.Report("empty"))
