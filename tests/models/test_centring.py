"""Embeddings relative to their slide: what a stain adds to a whole slide goes, what differs within a slide stays."""

import numpy as np

from models.centring import LEAST_SPOTS, centre, reference_of


def slide(seed: int, n: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 5, 4)).astype(np.float32)


def test_an_offset_of_a_slide_does_not_matter() -> None:
    x, reference = slide(0), reference_of([slide(1), slide(2)])
    np.testing.assert_allclose(centre(x + 7, reference), centre(x, reference), atol=1e-5)


def test_contrasts_within_a_slide_stay() -> None:
    x = slide(3)
    out = centre(x, np.zeros((2, 4), np.float32))
    np.testing.assert_allclose(out[0, 0] - out[1, 0], x[0, 0] - x[1, 0], atol=1e-5)
    np.testing.assert_allclose(out[:, 0].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(out[:, 1:].mean(axis=(0, 1)), 0, atol=1e-5)


def test_few_spots_are_measured_against_the_reference() -> None:
    x, reference = slide(4, LEAST_SPOTS - 1), np.full((2, 4), 2.0, np.float32)
    np.testing.assert_allclose(centre(x, reference), x - 2.0, atol=1e-5)
    np.testing.assert_allclose(centre(x[:1], reference), centre(x, reference)[:1], atol=1e-6)


def test_the_reference_is_the_mean_of_the_slides_by_role() -> None:
    slides = [np.full((30, 5, 4), value, np.float32) for value in (1.0, 3.0)]
    for part in slides:
        part[:, 1:] += 10
    np.testing.assert_allclose(reference_of(slides), [[2.0] * 4, [12.0] * 4])
