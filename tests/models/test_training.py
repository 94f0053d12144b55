"""Pure fits: invariants and planted signals."""

import numpy as np
import pytest

from models.training.augment import draw_look, restain, turn, with_look
from models.training.metrics import auroc, pearson_per_gene
from models.training.projection import fit_projection
from models.training.signatures import contrast_signatures, gene_space, profile_contrasts, unit
from models.training.targets import cells_of_nuclei, fit_programmes, mixture_expression


def test_a_look_of_strength_zero_changes_no_colour():
    tiles = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    look = draw_look(np.random.default_rng(1), 0.0)
    assert np.abs(restain(tiles, look).astype(int) - tiles).max() <= 2


def test_looks_keep_shape_and_orientation_keeps_pixels():
    tiles = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    rng = np.random.default_rng(2)
    assert with_look(tiles, draw_look(rng), rng).shape == tiles.shape
    assert (np.sort(turn(tiles, rng).reshape(3, -1)) == np.sort(tiles.reshape(3, -1))).all()


def test_projection_drops_what_a_look_adds():
    rng = np.random.default_rng(0)
    signal, width = rng.normal(0, 1, (200, 3)), 12
    mix, stain = rng.normal(0, 1, (3, width)), rng.normal(0, 1, width)
    looks = [(signal @ mix + 5 * rng.normal() * stain).astype(np.float32) for _ in range(6)]
    projection = fit_projection([looks], 3)
    views = np.stack([projection(look) for look in looks])
    assert (views - views.mean(axis=0)).var() < 0.1 * views.mean(axis=0).var()


def test_programmes_reproduce_what_lies_in_their_span():
    rng = np.random.default_rng(0)
    x = (rng.normal(0, 1, (50, 3)) @ rng.normal(0, 1, (3, 20))).astype(np.float32)
    programmes = fit_programmes([x], [50.0], np.zeros(20, np.float32), 3)
    np.testing.assert_allclose(programmes.basis @ programmes.basis.T, np.eye(3), atol=1e-4)
    np.testing.assert_allclose(programmes.scores(x) @ programmes.loadings, x, atol=1e-3)
    spread = (programmes.scores(x) ** 2).mean(axis=0)
    np.testing.assert_allclose(spread, spread[0], rtol=1e-3)
    np.testing.assert_allclose(spread[0], ((x @ programmes.basis[0]) ** 2).mean(), rtol=1e-3)


def test_mixture_of_one_class_is_its_profile():
    profiles = {"Epithelial": np.array([10.0, 0.0], np.float32), "CAFs": np.array([0.0, 10.0], np.float32)}
    cells = {"Epithelial": np.array([2.0, 0.0], np.float32), "CAFs": np.array([0.0, 3.0], np.float32)}
    np.testing.assert_allclose(np.expm1(mixture_expression(cells, profiles)), [[10, 0], [0, 10]], rtol=1e-5)


def test_nuclei_keep_their_number():
    counts = np.array([[1.0, 2.0, 3.0, 4.0]], np.float32)
    cells = cells_of_nuclei(counts, ("other", "inflammatory", "epithelial", "spindle"))
    assert sum(float(c[0]) for c in cells.values()) == pytest.approx(9.0)


def test_a_profile_contrast_points_at_what_only_that_class_expresses():
    profiles = {
        "a": np.array([9.0, 5.0, 0.0], np.float32),
        "b": np.array([0.0, 5.0, 9.0], np.float32),
        "c": np.array([0.0, 5.0, 0.0], np.float32),
    }
    found = profile_contrasts(profiles, np.ones(3, np.float32))
    assert list(found) == ["a", "b", "c"]
    assert found["a"].argmax() == 0 and found["b"].argmax() == 2
    assert np.allclose([row[1] for row in found.values()], 0)
    assert np.allclose([np.linalg.norm(row) for row in found.values()], 1)


def test_signatures_are_unit_and_spread_to_genes_that_vary_together():
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 1, (60, 1))
    z = np.concatenate([shared, shared, rng.normal(0, 1, (60, 4))], axis=1).astype(np.float32)
    space = gene_space(("A", "B", "C", "D", "E", "F"), [{"A": 1.0}], z)
    signature = space.signatures([{"A": 1.0}])[0]
    assert np.linalg.norm(signature) == pytest.approx(1.0, abs=1e-5)
    assert signature[1] > 2 * np.abs(signature[2:]).max()


def test_contrast_points_at_the_genes_of_a_label():
    z = np.zeros((20, 3), np.float32)
    z[:10, 1] = 1.0
    found = contrast_signatures(z, np.array(["a"] * 10 + ["b"] * 10))
    assert found["a"][1] == pytest.approx(1.0) and found["b"][1] == pytest.approx(-1.0)


def test_auroc_and_pearson_against_known_values():
    assert auroc(np.array([0.1, 0.2, 0.3, 0.4]), np.array([False, False, True, True])) == 1.0
    assert auroc(np.zeros(4), np.array([True, False, True, False])) == 0.5
    x = np.random.default_rng(0).normal(0, 1, (30, 2))
    np.testing.assert_allclose(pearson_per_gene(x, 2 * x + 1), 1.0)
    assert (pearson_per_gene(np.ones((30, 2)), x) == 0).all()


def test_unit_leaves_a_zero_row_alone():
    assert (unit(np.zeros((1, 3), np.float32)) == 0).all()
