"""One contract for every registered model whose weights are here."""

import subprocess
import sys

import numpy as np
import pytest

from models import registry
from models.card import ModelUnavailable

CARDS = registry.cards()


def _models(task: str) -> list[str]:
    return [card.name for card in CARDS if card.task == task and not card.missing()]


def _tiles(n: int, px: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.integers(60, 250, (n, px, px, 3), dtype=np.uint8)


def test_built_in_models_have_their_weights():
    assert not [path for card in CARDS if not card.obtain for path in card.missing()]


def test_listing_models_imports_no_torch():
    code = "import sys; from models import registry; registry.cards(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_model_answers_with_the_known_ones():
    with pytest.raises(ModelUnavailable, match="starter-encoder"):
        registry.load("nonsense")


@pytest.mark.parametrize("name", _models("image-encoder"))
def test_encoder(name):
    encoder = registry.load(name)
    for px in (224, 112, 64):
        vectors = encoder.encode_image(_tiles(3, px))
        assert vectors.shape == (3, encoder.card.dim) and vectors.dtype == np.float32
        assert np.isfinite(vectors).all()
        alone = np.concatenate([encoder.encode_image(tile[None]) for tile in _tiles(3, px)])
        scale = np.abs(vectors).max()
        assert np.abs(alone - vectors).max() < 0.05 * scale
    assert encoder.encode_image(_tiles(0, 64)).shape == (0, encoder.card.dim)


@pytest.mark.parametrize("name", _models("expression-predictor"))
def test_predictor(name):
    predictor = registry.load(name)
    dim = registry.model_class(predictor.encoder).card.dim
    rng = np.random.default_rng(0)
    bags = rng.normal(0, 1, (5, predictor.plan.tiles_per_spot, dim)).astype(np.float32)
    alone = np.full((5, 8), -1)
    x = predictor.predict_expression(bags, alone)
    assert x.shape == (5, len(predictor.genes)) == (5, predictor.card.dim) and x.dtype == np.float32
    assert np.isfinite(x).all() and x.min() >= 0
    assert len(predictor.ensembl_ids) == len(predictor.reliability) == len(set(predictor.genes))
    one_by_one = np.concatenate([predictor.predict_expression(bag[None], alone[:1]) for bag in bags])
    np.testing.assert_allclose(one_by_one, x, atol=1e-5)
    ring = np.array([[1, 2, -1], [0, 2, 3], [4, -1, -1], [0, 1, 2], [-1, -1, -1]])
    order = np.array([4, 2, 0, 1, 3])
    where = np.argsort(order)
    moved = np.where(ring[order] >= 0, where[ring[order]], -1)
    np.testing.assert_allclose(
        predictor.predict_expression(bags[order], moved), predictor.predict_expression(bags, ring)[order], atol=1e-5
    )


@pytest.mark.parametrize("name", _models("joint"))
def test_joint(name):
    joint = registry.load(name)
    genes = registry.load("starter-deepspot" if name != "fake-joint" else "fake-predictor").genes
    x = np.random.default_rng(1).gamma(1.0, 0.5, (30, len(genes))).astype(np.float32)
    spots, text = joint.embed_expression(x, genes), joint.encode_text(["T cells", "collagen"])
    assert spots.shape == (30, joint.card.dim) and text.shape == (2, joint.card.dim)
    assert spots.dtype == text.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(np.concatenate([spots, text]), axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(joint.encode_text(["collagen"])[0], text[1], atol=1e-4)
    assert len(set(joint.null_texts())) >= 100
    nearest = joint.nearest_terms("collagen", 3)
    assert len(nearest) == 3 and nearest[0][1] >= nearest[-1][1]
