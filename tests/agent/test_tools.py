"""The tools that describe, group, relate, look and export, on a tiny slide with known tissue."""

import io
import json
from pathlib import Path

import anndata
import numpy as np
import pytest
from PIL import Image

from agent.session import Session
from agent.toolbox.evidence import evidence
from agent.toolbox.exporting import report_of
from agent.toolbox.running import run_tool, tool_named
from tools.errors import ToolError
from tools.workspace import Workspace


def kinds(artifacts: list[dict[str, object]]) -> list[object]:
    return [artifact["kind"] for artifact in artifacts]


def test_what_is_no_better_than_chance_is_not_outlined(session: Session) -> None:
    words, artifacts = run_tool(session, "highlight_region", {"query": "epidermis"})
    assert session.regions and artifacts[-1]["regions"]
    before = dict(session.regions)
    words, artifacts = run_tool(session, "highlight_region", {"query": "gizmo"})
    assert "I do not know the term 'gizmo'" in words and "outline nothing" in words
    assert artifacts == [{"kind": "regions", "regions": []}] and session.regions == before
    words, artifacts = run_tool(session, "highlight_region", {"query": "gizmo", "fraction": 0.1})
    assert artifacts[-1]["regions"] and words.startswith("I do not know the term")


def test_unknown_words_are_refused_where_a_region_is_needed(session: Session) -> None:
    for name in ("top_genes", "describe_region", "view_region", "similar_spots"):
        with pytest.raises(ToolError, match="do not know the term 'gizmo'"):
            run_tool(session, name, {"region": "gizmo"})


def test_two_words_with_one_map_are_told_apart_from_none(session: Session) -> None:
    slide = session.slide
    assert slide is not None
    values = slide.text_scores("epidermis")
    twin = evidence(slide, "fat", values)
    assert (
        twin.twin is not None and twin.twin[0] == "epidermis" and "cannot be told from 'epidermis'" in twin.words("fat")
    )
    assert evidence(slide, "epidermis", values).twin is None


def test_a_new_map_takes_old_outlines_away(session: Session) -> None:
    run_tool(session, "highlight_region", {"query": "epidermis"})
    assert session.on_show()[1]
    for name, args in (
        ("rank_spots", {"query": "collagen"}),
        ("cluster_spots", {"n": 3}),
        ("annotate_spots", {"labels": ["fat", "stroma"]}),
    ):
        run_tool(session, "highlight_region", {"query": "epidermis"})
        run_tool(session, name, args)
        layer, regions = session.on_show()
        assert not regions and layer is not None and layer.kind in ("score", "category")


def test_clusters_have_ids_that_other_tools_take(session: Session) -> None:
    with pytest.raises(ToolError, match="no clusters on this slide yet"):
        run_tool(session, "describe_region", {"region": "c1"})
    _, artifacts = run_tool(session, "cluster_spots", {"n": 3})
    rows = artifacts[-1]["rows"]
    assert [row["id"] for row in rows] == ["c1", "c2", "c3"] and sum(row["share"] for row in rows) == pytest.approx(1)
    words, _ = run_tool(session, "top_genes", {"region": "cluster 2", "n": 3})
    assert "cluster c2" in words
    with pytest.raises(ToolError, match="no cluster c9; clusters: c1"):
        run_tool(session, "top_genes", {"region": "c9"})


def test_compare_says_both_sides(session: Session) -> None:
    words, artifacts = run_tool(session, "compare_regions", {"region_a": "epidermis", "region_b": "collagen"})
    lines = [line for line in words.splitlines() if line.startswith("Higher in r")]
    above, below = (next(line for line in lines if f"({name})" in line) for name in ("epidermis", "collagen"))
    assert "epidermis (score" in above and "collagen (score" in below and "COL" not in above
    assert kinds(artifacts).count("genes") == 2 and kinds(artifacts).count("terms") == 2


def test_relation_in_um(session: Session) -> None:
    words, artifacts = run_tool(session, "spatial_relation", {"region_a": "collagen", "region_b": "epidermis"})
    assert "um from the nearest spot" in words and "p 0." in words
    values = {row["measure"]: row["value"] for row in artifacts[-1]["rows"]}
    assert values["median distance to B's border, negative inside"] > 0
    with pytest.raises(ToolError, match="same spots"):
        run_tool(session, "spatial_relation", {"region_a": "epidermis", "region_b": "epidermis"})


def test_search_names_the_slides(session: Session, workspace: Workspace) -> None:
    words, artifacts = run_tool(session, "search_slides", {"query": "collagen"})
    assert "skin" in words and artifacts[0]["slides"][0]["slide"] == "skin"
    with pytest.raises(ToolError, match="do not know the term"):
        run_tool(session, "search_slides", {"query": "gizmo"})


def test_gene_sets_by_name_and_by_genes(session: Session) -> None:
    words, _ = run_tool(session, "score_gene_set", {"name": "ECM"})
    assert "Gene set extracellular matrix" in words and "Naba" in words
    words, _ = run_tool(session, "score_gene_set", {"genes": "KRT5, KRT14 and NOPE1"})
    assert "Not predicted here: NOPE1 (2 of 3" in words
    with pytest.raises(ToolError, match="known sets"):
        run_tool(session, "score_gene_set", {})


def test_view_is_a_picture_of_the_region(session: Session) -> None:
    words, artifacts = run_tool(session, "view_region", {"region": "epidermis"})
    picture = Image.open(io.BytesIO(session.pictures[artifacts[-1]["image"]].png))
    assert picture.width == picture.height > 200 and "um per pixel" in words


@pytest.mark.parametrize("kind", ["geojson", "csv", "h5ad", "png"])
def test_export_writes_what_is_shown(session: Session, kind: str) -> None:
    run_tool(session, "highlight_region", {"query": "epidermis"})
    words, artifacts = run_tool(session, "export_result", {"kind": kind, "path": f"../../{kind} of mine.{kind}"})
    path = Path(artifacts[0]["path"])
    assert path.parent == session.workspace.root / "exports" and path.name.startswith(f"{kind} of mine")
    assert artifacts[0]["bytes"] == path.stat().st_size > 100 and str(path) in words
    again = run_tool(session, "export_result", {"kind": kind, "path": path.name})[1][0]["path"]
    assert again != str(path) and path.exists()
    if kind == "geojson":
        names = {f["properties"]["classification"]["name"] for f in json.loads(path.read_text())["features"]}
        assert names == {"epidermis"}
    if kind == "h5ad":
        assert "score: epidermis" in anndata.read_h5ad(path).obs


def test_nothing_to_export_is_said(session: Session) -> None:
    with pytest.raises(ToolError, match="outline a region first"):
        run_tool(session, "export_result", {"kind": "geojson"})
    with pytest.raises(ToolError, match="ask something"):
        run_tool(session, "export_result", {"kind": "html"})
    assert report_of(session).turns == []


def test_arguments_that_only_look_wrong_are_repaired(session: Session) -> None:
    words, _ = run_tool(session, "show_gene", {"genes": '["KRT5", "KRT14"]', "region": None, "colour": "red"})
    assert "KRT5" in words and "KRT14" in words
    with pytest.raises(ToolError, match="It takes: kind, path"):
        run_tool(session, "export_result", {"kind": "docx"})
    with pytest.raises(ToolError, match="tools: list_slides"):
        tool_named("dance")


@pytest.mark.parametrize("path", ["/etc/passwd", "~/secret.svs", "../../../elsewhere.png", "/nowhere/at/all.svs"])
def test_files_outside_the_allowed_folders_are_not_looked_at(session: Session, path: str, tmp_path: Path) -> None:
    session.slide_folders = (tmp_path,)
    with pytest.raises(ToolError, match="no folder that a conversation may open"):
        run_tool(session, "open_slide", {"slide": path})


def test_a_link_out_of_an_allowed_folder_is_refused(session: Session, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out.png").write_bytes(b"x")
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "out.png")
    session.slide_folders = (tmp_path / "in",)
    with pytest.raises(ToolError, match="no folder that a conversation may open"):
        run_tool(session, "open_slide", {"slide": str(tmp_path / "in" / "link.png")})


def test_annotation_lets_nothing_fit(session: Session) -> None:
    words, artifacts = run_tool(session, "annotate_spots", {"labels": ["epidermis", "stroma"]})
    rows = artifacts[-1]["rows"]
    assert sum(row["share"] for row in rows) + artifacts[-1]["none"] == pytest.approx(1)
    assert "no label fits well" in words
    layer = session.layers[artifacts[0]["layer"]]
    assert layer.labels == ("epidermis", "stroma") and np.isin(layer.values, [-1, 0, 1]).all()
