"""The fake models behave like what they stand for."""

import numpy as np

from models.fakes import GENES, FakeEncoder, FakeJoint, FakePredictor


def _tissue() -> np.ndarray:
    tiles = np.empty((40, 64, 64, 3), np.uint8)
    tiles[:20] = (110, 70, 140)
    tiles[20:] = (235, 130, 170)
    noise = np.random.default_rng(0).integers(-8, 8, tiles.shape)
    return np.clip(tiles + noise, 0, 255).astype(np.uint8)


def _expression() -> np.ndarray:
    embeddings = np.repeat(FakeEncoder().encode_image(_tissue())[:, None], 5, axis=1)
    return FakePredictor().predict_expression(embeddings, np.full((40, 6), -1))


def test_purple_tissue_expresses_keratins_and_pink_collagens():
    x = _expression()
    keratin, collagen = x[:, GENES.index("KRT5")], x[:, GENES.index("COL1A1")]
    assert keratin[:20].min() > keratin[20:].max()
    assert collagen[20:].min() > collagen[:20].max()


def test_words_find_the_tissue():
    joint = FakeJoint()
    scores = joint.embed_expression(_expression(), GENES) @ joint.encode_text(["epithelium", "collagen"]).T
    assert scores[:20, 0].min() > scores[20:, 0].max()
    assert scores[20:, 1].min() > scores[:20, 1].max()


def test_nearest_terms_of_a_known_word_is_the_word_family():
    terms = dict(FakeJoint().nearest_terms("keratinocytes", 3))
    assert set(terms) <= {
        "epithelium", "epithelial", "epidermis", "keratinocyte", "keratinocytes", "skin", "carcinoma", "tumour",
        "tumor", "cancer", "gland",
    }  # fmt: skip
