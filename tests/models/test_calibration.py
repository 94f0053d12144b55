"""Temperatures and nuclei: planted truths are found again."""

import numpy as np
import pytest

from models.protocols import Calibrated
from models.registry import load
from models.training.calibration import calibration_error, fit_temperature, probabilities, surprise
from models.training.nuclei import fit_nuclei

RNG = np.random.default_rng(0)


def section(temperature: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Scores of three labels whose truth is drawn from their softmax at a temperature."""
    scores = RNG.normal(0, 2, (n, 3)).astype(np.float32)
    p = probabilities(scores, temperature)
    label = (p.cumsum(axis=1) < RNG.random((n, 1))).sum(axis=1)
    return scores, np.minimum(label, 2)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 6.0])
def test_the_temperature_that_made_the_labels_is_found(temperature: float) -> None:
    sections = [section(temperature) for _ in range(3)]
    assert fit_temperature(sections) == pytest.approx(temperature, rel=0.15)
    assert calibration_error(sections, temperature) < 0.03 < calibration_error(sections, temperature / 8)


def test_scores_that_say_nothing_are_no_news_at_any_temperature() -> None:
    scores, label = RNG.normal(0, 1, (5000, 4)).astype(np.float32), RNG.integers(0, 4, 5000)
    found = fit_temperature([(scores, label)])
    assert found > 20
    assert surprise((scores, label), found) == pytest.approx(1, abs=0.01)
    assert surprise((scores, label), 0.2) > 1.5


def test_probabilities_sum_to_one_and_keep_the_order() -> None:
    scores = RNG.normal(0, 3, (50, 5)).astype(np.float32)
    p = probabilities(scores, 7.0)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    assert (p.argmax(axis=1) == scores.argmax(axis=1)).all()


def test_nuclei_that_follow_evidence_are_predicted_from_it() -> None:
    evidence = RNG.normal(0, 1, (300, 9)).astype(np.float32)
    share = np.stack([evidence[:, 3], -evidence[:, 7] + 0.1 * RNG.normal(size=300)], axis=1) * 0.1 + 0.3
    weights = fit_nuclei([evidence, evidence + 0.05 * RNG.normal(size=evidence.shape)], share.astype(np.float32))
    assert weights.shape == (2, 9)
    assert abs(weights).argmax(axis=1).tolist() == [3, 7] and weights[0, 3] > 0 > weights[1, 7]


def test_a_calibration_holds_for_the_predictor_it_was_measured_with() -> None:
    joint = load("starter-joint")
    assert isinstance(joint, Calibrated)
    for scorer, predictor in (("molecular", "starter-deepspot"), ("fused", "starter-deepspot"), ("measured", None)):
        found = joint.calibration(scorer, predictor)
        assert found is not None and found.temperature > 0 and 0 < found.error < 0.5
    assert joint.calibration("molecular", "some other predictor") is None
    assert joint.calibration("an unknown scorer", "starter-deepspot") is None
