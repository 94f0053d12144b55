import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tools.errors import ToolError
from tools.prepared import PreparedSlide
from tools.score import against_null, contrast, score


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_rows_are_spots_and_columns_queries() -> None:
    rng = np.random.default_rng(0)
    spots, text = unit(rng.normal(size=(7, 5))), unit(rng.normal(size=(3, 5)))
    scores = score(spots, text)
    assert scores.shape == (7, 3)
    assert scores[4, 2] == pytest.approx(float(spots[4] @ text[2]), abs=1e-6)


def test_the_null_has_mean_0_and_sd_1() -> None:
    null = np.random.default_rng(1).normal(0.3, 0.05, size=(50, 200)).astype(np.float32)
    scaled = against_null(null, null)
    assert np.abs(scaled.mean(axis=1)).max() < 1e-4 and float(scaled.std()) == pytest.approx(1, abs=1e-3)


def test_contrast_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    values = rng.integers(0, 9, 60).astype(float)  # with ties
    rows = np.arange(0, 60, 4)
    inside = np.isin(np.arange(60), rows)
    found = contrast(values, rows)
    assert found.auroc == pytest.approx(roc_auc_score(inside, values))
    assert found.mean_in == pytest.approx(values[inside].mean())


def test_contrast_with_nothing_outside_is_nan() -> None:
    assert np.isnan(contrast(np.ones(4), np.arange(4)).auroc)


def test_a_phrase_lights_up_its_tissue(tissue: PreparedSlide) -> None:
    x = tissue.spots.l0_xy[:, 0]
    epithelium, collagen = tissue.text_scores("epithelium"), tissue.text_scores("collagen")
    assert np.median(epithelium[x < 470]) > 1 > -1 > np.median(epithelium[x > 530])
    assert np.median(collagen[x > 530]) > 1
    minus = tissue.text_scores("epithelium", minus="collagen")
    assert minus == pytest.approx(epithelium - collagen)


@pytest.mark.parametrize("query", ["", "   ", "x" * 100_000])
def test_queries_that_are_none(tissue: PreparedSlide, query: str) -> None:
    with pytest.raises(ToolError, match="query"):
        tissue.text_scores(query)


@pytest.mark.parametrize("query", ["🔬", "خلايا", "epithelium\n", "<script>"])
def test_unusual_queries_give_finite_scores(tissue: PreparedSlide, query: str) -> None:
    assert np.isfinite(tissue.text_scores(query)).all()
