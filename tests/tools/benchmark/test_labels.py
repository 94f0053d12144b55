import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from tools.benchmark.config import Group, LabelSource
from tools.benchmark.labels import dominant_class, for_group, join, read_labels
from tools.errors import ToolError

IDS = ("AAAC-1", "AAAG-1", "AAAT-1", "CCCA-1")
XY = np.array([[10.0, 40.0], [30.0, 40.0], [50.0, 40.0], [70.0, 90.0]])
GROUP = Group(title="Regions", queries={"TUM": "tumor cells", "NOR": "normal cells"})


def series(**words: str) -> pd.Series:
    return pd.Series({name.replace("_", "-"): word for name, word in words.items()})


def test_the_join_is_by_barcode_whatever_the_order() -> None:
    column = series(AAAT_1="NOR", AAAC_1="TUM", CCCA_1="TUM")
    assert join(column, IDS, "s").tolist() == ["TUM", "", "NOR", "TUM"]
    assert join(column[::-1], IDS, "s").tolist() == ["TUM", "", "NOR", "TUM"]


def test_misaligned_barcodes_are_an_error() -> None:
    with pytest.raises(ToolError, match="no barcode of the labels is among the spots"):
        join(series(AAAC="TUM", AAAG="NOR"), IDS, "s")
    with pytest.raises(ToolError, match="1 of 2 labelled barcodes are not among the spots, 'GGGG-1'"):
        join(series(AAAC_1="TUM", GGGG_1="NOR"), IDS, "s")
    allowed = join(series(AAAC_1="TUM", GGGG_1="NOR"), IDS, "s", refuse=False)
    assert allowed.tolist() == ["TUM", "", "", ""]


def test_duplicate_barcodes_are_an_error_on_both_sides() -> None:
    twice = pd.Series(["TUM", "NOR"], index=["AAAC-1", "AAAC-1"])
    with pytest.raises(ToolError, match="'AAAC-1' occurs more than once in its labels"):
        join(twice, IDS, "s")
    with pytest.raises(ToolError, match="'AAAC-1' occurs more than once in its spots"):
        join(series(AAAC_1="TUM"), ("AAAC-1", "AAAC-1"), "s")


def test_unassigned_and_undetermined_are_left_out_and_counted() -> None:
    words = np.array(["TUM", "UNASSIGNED", "undetermined", "NOR", ""])
    found = for_group(words, GROUP, "s")
    assert found.words.tolist() == ["TUM", "", "", "NOR", ""]
    assert found.left_out == {"UNASSIGNED": 1, "undetermined": 1, "no label": 1}


def test_a_label_without_a_query_is_an_error() -> None:
    with pytest.raises(ToolError, match=r"label 'TLS' \(2 spots\) has no query in 'Regions'"):
        for_group(np.array(["TUM", "TLS", "TLS"]), GROUP, "s")


def test_both_namings_of_the_papers_files_are_read(tmp_path: Path) -> None:
    for name, column in (("LC1", "region_type_expert_annotation"), ("LC2", "manual_anno_tls")):
        obs = pd.DataFrame({column: pd.Categorical(["TUM", "NOR", "UNASSIGNED", "TUM"])}, index=list(IDS))
        anndata.AnnData(np.zeros((4, 1), np.float32), obs=obs).write_h5ad(tmp_path / f"{name}.h5ad")
    source = LabelSource(h5ad="{sample}.h5ad", obs=["region_type_expert_annotation", "manual_anno_tls"])
    for name in ("LC1", "LC2"):
        assert read_labels(source, tmp_path, name, XY, IDS).words.tolist() == ["TUM", "NOR", "UNASSIGNED", "TUM"]
    with pytest.raises(ToolError, match="no obs column nonsense"):
        read_labels(LabelSource(h5ad="{sample}.h5ad", obs="nonsense"), tmp_path, "LC1", XY, IDS)


@pytest.mark.parametrize(("name", "separator"), [("labels.csv", ","), ("labels.tsv", "\t")])
def test_tables(tmp_path: Path, name: str, separator: str) -> None:
    table = pd.DataFrame({"barcode": IDS[::-1], "region": ["a", "b", "c", "d"]})
    table.to_csv(tmp_path / name, sep=separator, index=False)
    found = read_labels(LabelSource(csv=name, column="region"), tmp_path, "s", XY, IDS)
    assert found.words.tolist() == ["d", "c", "b", "a"]
    with pytest.raises(ToolError, match="no column 'x'"):
        read_labels(LabelSource(csv=name, column="x"), tmp_path, "s", XY, IDS)
    with pytest.raises(ToolError, match=r"expected other\.csv"):
        read_labels(LabelSource(csv="other.csv"), tmp_path, "s", XY, IDS)


def test_qupath_polygons_label_the_spots_inside(tmp_path: Path) -> None:
    square = {"type": "Polygon", "coordinates": [[[0, 0], [40, 0], [40, 60], [0, 60], [0, 0]]]}
    feature = {"type": "Feature", "geometry": square, "properties": {"classification": {"name": "TUM"}}}
    (tmp_path / "s.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    found = read_labels(LabelSource(geojson="{sample}.geojson"), tmp_path, "s", XY, IDS)
    assert found.words.tolist() == ["TUM", "TUM", "", ""]


def test_dominant_class_of_proportions() -> None:
    table = pd.DataFrame(
        {"T": [0.3, 0.1, np.nan], "B": [0.3, 0.1, np.nan], "CAF": [0.4, 0.8, np.nan]}, index=list("abc")
    )
    found = dominant_class(table, {"Immune": ["T", "B"], "Stroma": ["CAF"]}, "s")
    assert found["a"] == "Immune" and found["b"] == "Stroma" and pd.isna(found["c"])
    with pytest.raises(ToolError, match="no column NK"):
        dominant_class(table, {"Immune": ["NK"]}, "s")
