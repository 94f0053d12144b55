import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, roc_auc_score

from models.training.metrics import auroc as fast_auroc
from tools.benchmark.metrics import (
    accuracy,
    auroc,
    average_precision,
    interval,
    mean_sem,
    one_vs_rest,
    resampled_rows,
    sign_test,
    softmax,
    weighted,
)

CLASSES = ("INFL", "NOR", "TLS", "TUM")


@st.composite
def annotated(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Cosines (n, 4) and labels in which every class occurs."""
    n = draw(st.integers(8, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    decimals = draw(st.sampled_from([1, 2, 8]))  # few decimals make ties
    raw = rng.normal(0, 0.3, (n, 4)).round(decimals)
    truth = np.concatenate([CLASSES, rng.choice(CLASSES, n - 4)])
    return raw, truth


@settings(deadline=None, max_examples=60)
@given(annotated(), st.sampled_from([1.0, 14.3, 100.0]))
def test_tables_are_what_scikit_learn_computes(data: tuple[np.ndarray, np.ndarray], scale: float) -> None:
    raw, truth = data
    p = softmax(raw, scale)
    per_class = one_vs_rest(p, truth, CLASSES)
    support = np.array([(truth == name).sum() for name in CLASSES], float)
    each = roc_auc_score(truth, p, multi_class="ovr", average=None, labels=list(CLASSES))
    assert per_class == pytest.approx(each, abs=1e-12)
    by_support = roc_auc_score(truth, p, multi_class="ovr", average="weighted", labels=list(CLASSES))
    assert weighted(per_class, support) == pytest.approx(by_support, abs=1e-12)
    macro = roc_auc_score(truth, p, multi_class="ovr", average="macro", labels=list(CLASSES))
    assert per_class.mean() == pytest.approx(macro, abs=1e-12)
    assert accuracy(p, truth, CLASSES) == accuracy_score(truth, np.array(CLASSES)[p.argmax(axis=1)])


@settings(deadline=None, max_examples=60)
@given(annotated(), st.permutations(range(4)), st.integers(0, 2**31))
def test_order_of_spots_and_of_classes_changes_nothing(
    data: tuple[np.ndarray, np.ndarray], order: list[int], seed: int
) -> None:
    raw, truth = data
    before = one_vs_rest(raw, truth, CLASSES)
    rows = np.random.default_rng(seed).permutation(len(truth))
    assert one_vs_rest(raw[rows], truth[rows], CLASSES) == pytest.approx(before, abs=1e-12)
    renamed = [CLASSES[j] for j in order]
    assert one_vs_rest(raw[:, order], truth, renamed) == pytest.approx(before[order], abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(annotated())
def test_the_fast_area_of_the_bootstrap_is_the_same_area(data: tuple[np.ndarray, np.ndarray]) -> None:
    raw, truth = data
    for j, name in enumerate(CLASSES):
        assert fast_auroc(raw[:, j], truth == name) == pytest.approx(auroc(raw[:, j], truth == name), abs=1e-12)


def test_the_papers_standard_errors_have_ddof_one() -> None:
    values = [0.62, 0.71, 0.55, 0.80, 0.66]
    found = mean_sem(values)
    assert found.mean == pytest.approx(0.668)
    assert found.sem == pytest.approx(np.std(values, ddof=1) / np.sqrt(5))
    assert found.sem != pytest.approx(np.std(values) / np.sqrt(5))


def test_absent_classes_are_missing_not_zero() -> None:
    truth = np.array(["NOR"] * 5 + ["TUM"] * 5)
    raw = np.random.default_rng(0).normal(size=(10, 4))
    found = one_vs_rest(raw, truth, CLASSES)
    assert np.isnan(found[[0, 2]]).all() and np.isfinite(found[[1, 3]]).all()
    assert mean_sem([0.6, np.nan, 0.8]) == mean_sem([0.6, 0.8])
    assert np.isnan(mean_sem([np.nan]).mean) and mean_sem([np.nan]).n == 0
    assert np.isnan(mean_sem([0.7]).sem)
    assert weighted(found, np.array([0, 5, 0, 5.0])) == pytest.approx(np.nanmean(found))


def test_one_class_alone_has_no_area() -> None:
    truth = np.array(["NOR"] * 6)
    assert np.isnan(one_vs_rest(np.random.default_rng(0).normal(size=(6, 4)), truth, CLASSES)).all()
    assert np.isnan(average_precision(np.arange(6.0), np.ones(6, bool)))


def test_a_column_that_is_not_scored_stays_out_of_the_softmax() -> None:
    raw = np.array([[0.1, np.nan, 0.3], [0.5, np.nan, 0.2]])
    p = softmax(raw, 10.0)
    assert np.isnan(p[:, 1]).all()
    assert p[:, [0, 2]].sum(axis=1) == pytest.approx([1, 1])
    assert accuracy(p, np.array(["c", "a"]), ("a", "b", "c")) == 1.0


@pytest.mark.parametrize(("above", "below", "p"), [(5, 0, 0.0625), (2, 0, 0.5), (0, 0, 1.0), (3, 2, 1.0)])
def test_sign_test_is_exact(above: int, below: int, p: float) -> None:
    found = sign_test([0.1] * above + [-0.1] * below + [0.0])
    assert (found.above, found.below) == (above, below) and found.p == pytest.approx(p)


def test_blocks_are_drawn_whole() -> None:
    blocks = np.repeat([f"b{i}" for i in range(6)], [1, 2, 3, 4, 5, 6])
    for seed in range(20):
        rows = resampled_rows(blocks, np.random.default_rng(seed))
        names, counts = np.unique(blocks[rows], return_counts=True)
        assert all(count % int((blocks == name).sum()) == 0 for name, count in zip(names, counts, strict=True))


def test_interval_of_mostly_undefined_draws_is_undefined() -> None:
    assert np.isnan(interval(np.array([0.5, np.nan, np.nan]))).all()
    low, high = interval(np.linspace(0, 1, 1001))
    assert (low, high) == (pytest.approx(0.025), pytest.approx(0.975))
