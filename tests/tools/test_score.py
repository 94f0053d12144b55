import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tools.errors import ToolError
from tools.prepared import PreparedSlide
from tools.score import SCORERS, Scorer, against_null, contrast, fuse, score, scorer_for


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


def test_fusing_takes_a_share_of_each() -> None:
    a, b = np.array([1.0, 3.0], np.float32), np.array([3.0, -1.0], np.float32)
    np.testing.assert_allclose(fuse(a, b, 0.25), [1.5, 2.0])


@pytest.mark.parametrize("scorer", ["image-text", "fused"])
def test_other_scorers_answer_on_the_same_scale(tissue: PreparedSlide, scorer: str) -> None:
    values = tissue.text_scores("stroma", scorer=scorer_for(scorer))
    assert values.shape == (len(tissue.spots),) and np.isfinite(values).all() and values.std() > 0
    assert not np.allclose(values, tissue.text_scores("stroma"))


def test_fused_points_where_both_point(tissue: PreparedSlide) -> None:
    a, b = (tissue.text_scores("stroma", scorer=name) for name in ("molecular", "image-text"))
    fused = tissue.text_scores("stroma", scorer="fused")
    assert np.corrcoef(fused, a + b)[0, 1] > 0.999


@pytest.mark.parametrize("scorer", SCORERS)
def test_unrelated_phrases_have_sd_1_by_every_scorer(tissue: PreparedSlide, scorer: Scorer) -> None:
    null = tissue.null_scores(scorer)
    assert null.shape[0] == len(tissue.spots) and float(null.std()) == pytest.approx(1, abs=0.02)
    assert np.abs(null.mean(axis=1)).max() < 1e-3


@pytest.mark.parametrize("name, measured, words", [
    ("colour", False, "no scorer 'colour'"), ("measured", False, "h5ad of counts"), ("fused", True, "does not apply"),
])  # fmt: skip
def test_scorers_that_do_not_apply_are_named(name: str, measured: bool, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        scorer_for(name, measured=measured)
