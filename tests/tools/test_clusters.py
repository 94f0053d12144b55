"""Clusters, and what sets spots apart in words."""

import numpy as np
import pytest
from scipy import stats

from tools.clusters import auroc_by_label, cluster_spots
from tools.enrichment import correlations, enriched_terms, one_per_map, same_maps
from tools.errors import ToolError
from tools.prepared import PreparedSlide


def test_clusters_follow_the_tissue(tissue: PreparedSlide) -> None:
    found = cluster_spots(tissue, n=2)
    left = tissue.spots.l0_xy[:, 0] < 500  # epithelium, as drawn
    agreement = np.mean(found.labels == left)
    assert max(agreement, 1 - agreement) > 0.9
    named = [{term.term for term in cluster.terms} for cluster in found.clusters]
    epithelium = {
        "epidermis",
        "epithelium",
        "glandular epithelium",
        "airway epithelium",
        "keratinocytes",
        "sweat glands",
    }
    stroma = {"collagen", "stroma", "fibroblasts", "connective tissue", "extracellular matrix", "dermis"}
    assert any(terms & epithelium for terms in named) and any(terms & stroma for terms in named), named


def test_clusters_are_a_partition_and_repeatable(tissue: PreparedSlide) -> None:
    found, again = cluster_spots(tissue), cluster_spots(tissue)
    rows = np.concatenate([cluster.rows for cluster in found.clusters])
    assert sorted(rows) == list(range(len(tissue.spots)))
    sizes = [len(cluster.rows) for cluster in found.clusters]
    assert sizes == sorted(sizes, reverse=True) and found.clusters[0].id == "c1"
    np.testing.assert_array_equal(found.labels, again.labels)
    assert len(cluster_spots(tissue, resolution=2).clusters) > len(found.clusters)


@pytest.mark.parametrize("wrong", [{"n": 1}, {"n": 10_000}, {"resolution": 0.0}, {"resolution": 99.0}])
def test_numbers_that_make_no_sense_are_refused(tissue: PreparedSlide, wrong: dict[str, float]) -> None:
    with pytest.raises(ToolError, match=r"expected|between"):
        cluster_spots(tissue, **wrong)  # type: ignore[arg-type]


def test_auroc_from_one_ranking_equals_mann_whitney(tissue: PreparedSlide) -> None:
    labels = (np.arange(len(tissue.spots)) % 3).astype(np.int64)
    x = np.asarray(tissue.adata.X)
    inside = labels == 1
    wanted = stats.mannwhitneyu(x[inside, 4], x[~inside, 4]).statistic / (inside.sum() * (~inside).sum())
    assert auroc_by_label(tissue.adata, labels)[1, 4] == pytest.approx(wanted)


def test_enriched_terms_find_the_tissue_and_turn_around(tissue: PreparedSlide) -> None:
    left = np.flatnonzero(tissue.spots.l0_xy[:, 0] < 480)
    right = np.setdiff1d(np.arange(len(tissue.spots)), left)
    best = {term.term for term in enriched_terms(tissue, left)[:6]}
    assert best & {"epidermis", "epithelium", "keratinocytes", "glandular epithelium"}
    here = {term.term: term for term in enriched_terms(tissue, left, right)}
    there = {term.term: term for term in enriched_terms(tissue, right, left)}
    assert here["collagen"].inside == pytest.approx(there["collagen"].outside)
    assert here["epidermis"].z > 2 > 0 > there["epidermis"].z and here["epidermis"].beats > 0.95


def test_all_spots_at_once_are_compared_with_nothing(tissue: PreparedSlide) -> None:
    everything = enriched_terms(tissue, np.arange(len(tissue.spots)))
    assert all(term.outside == 0 and np.isfinite(term.z) for term in everything)


def test_correlations_agree_with_numpy_and_a_flat_map_has_none() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(50, 3)).astype(np.float32), rng.normal(size=(50, 2)).astype(np.float32)
    np.testing.assert_allclose(correlations(a, b), np.corrcoef(a.T, b.T)[:3, 3:], atol=1e-6)
    assert (correlations(np.ones((50, 1), np.float32), b) == 0).all()


def test_terms_with_one_map_are_named_as_such(tissue: PreparedSlide) -> None:
    left = np.flatnonzero(tissue.spots.l0_xy[:, 0] < 500)
    terms = enriched_terms(tissue, left, terms=("epidermis", "keratinocytes", "collagen"))
    by_name = {term.term: term for term in terms}
    assert "keratinocytes" in by_name["epidermis"].twins and "collagen" not in by_name["epidermis"].twins
    assert len(one_per_map([by_name["epidermis"], by_name["keratinocytes"], by_name["collagen"]])) == 2
    assert same_maps(tissue, ["epidermis", "collagen", "keratinocytes"]) == [
        ["epidermis", "keratinocytes"], ["collagen"],
    ]  # fmt: skip
