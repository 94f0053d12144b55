"""Embeddings on one scale: what a stain adds to a whole slide goes, what differs within a slide stays."""

import numpy as np

from models.standardise import LEAST_SPOTS, Reference, reference_of, standardise


def slide(seed: int, n: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 5, 4)).astype(np.float32)


def test_gain_and_offset_of_a_slide_do_not_matter() -> None:
    x, reference = slide(0), reference_of([slide(1), slide(2)])
    again = standardise(x * np.array([2, 3, 0.5, 1], np.float32) + 7, reference)
    np.testing.assert_allclose(again, standardise(x, reference), atol=1e-4)


def test_each_role_gets_the_spread_of_the_reference() -> None:
    reference = Reference(np.zeros((2, 4), np.float32), np.array([[1] * 4, [3] * 4], np.float32))
    out = standardise(slide(3), reference)
    np.testing.assert_allclose(out[:, 0].std(axis=0), 1, rtol=1e-3)
    np.testing.assert_allclose(out[:, 1:].std(axis=(0, 1)), 3, rtol=1e-3)
    np.testing.assert_allclose(out.mean(axis=0).mean(), 0, atol=1e-5)


def test_few_spots_are_measured_against_the_reference() -> None:
    x = slide(4, LEAST_SPOTS - 1)
    reference = Reference(np.full((2, 4), 2.0, np.float32), np.full((2, 4), 0.5, np.float32))
    np.testing.assert_allclose(standardise(x, reference), x - 2.0, atol=1e-5)
    np.testing.assert_allclose(standardise(x[:1], reference), standardise(x, reference)[:1], atol=1e-6)
