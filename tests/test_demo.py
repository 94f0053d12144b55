"""The demo slide with the built-in models: the maps are right where anyone can see what is right."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from sklearn.metrics import roc_auc_score

from agent.toolbox.evidence import evidence
from tools.prepare import prepare
from tools.prepared import PreparedSlide
from tools.regions import rows_of
from tools.workspace import Workspace

OUTLINES = json.loads((Path(__file__).parent / "data" / "demo_outlines.json").read_text())


@pytest.fixture(scope="module")
def demo(demo_workspace: Workspace) -> PreparedSlide:
    return prepare(demo_workspace, "demo")


def inside(demo: PreparedSlide, *tissues: str) -> np.ndarray:
    """Which spots have their centre in the outlines of some tissues."""
    rings = [shapely.Polygon(ring).buffer(0) for tissue in tissues for ring in OUTLINES[tissue]]
    return shapely.contains_xy(shapely.union_all(rings), demo.spots.l0_xy)


def auroc(demo: PreparedSlide, query: str, positive: np.ndarray, negative: np.ndarray) -> float:
    chosen = positive | negative
    return float(roc_auc_score(positive[chosen], demo.text_scores(query)[chosen]))


@pytest.mark.parametrize("query", ["epidermis", "keratinocytes"])
def test_epithelium_lights_up(demo: PreparedSlide, query: str) -> None:
    assert auroc(demo, query, inside(demo, "epithelium"), inside(demo, "dermis")) > 0.85


@pytest.mark.parametrize("query", ["fibroblasts", "collagen"])
def test_dermis_lights_up(demo: PreparedSlide, query: str) -> None:
    assert auroc(demo, query, inside(demo, "dermis"), inside(demo, "epithelium")) > 0.85


@pytest.mark.parametrize("query", ["immune cells", "T cells", "lymphocytes"])
def test_lymphocytes_are_in_the_infiltrate(demo: PreparedSlide, query: str) -> None:
    assert auroc(demo, query, inside(demo, "infiltrate"), inside(demo, "dermis")) > 0.8
    assert auroc(demo, query, inside(demo, "infiltrate"), inside(demo, "epithelium")) > 0.65


def test_the_region_of_the_epidermis_covers_most_of_it_and_little_else(demo: PreparedSlide) -> None:
    found = np.zeros(len(demo.spots), bool)
    found[rows_of(demo.text_scores("epidermis"), demo.spots, "epidermis")] = True
    assert found[inside(demo, "epithelium")].mean() > 0.7
    assert found[inside(demo, "dermis")].mean() < 0.25


def test_thousands_of_genes_with_their_reliability(demo: PreparedSlide) -> None:
    assert demo.adata.n_vars >= 2000
    assert np.isfinite(demo.adata.var["reliability"]).mean() > 0.9
    assert {"KRT14", "COL1A1", "CD3D", "MS4A1", "PECAM1"} <= set(demo.adata.var_names)


@pytest.mark.parametrize("query, twin", [("tumour", "glandular epithelium"), ("epidermis", "tumor cells")])
def test_it_is_said_that_tumour_and_epithelium_cannot_be_told_apart(demo: PreparedSlide, query: str, twin: str) -> None:
    found = evidence(demo, query, demo.text_scores(query))
    assert found.doubtful and f"cannot be told from '{twin}'" in found.words(query)
