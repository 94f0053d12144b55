"""Evidence for tissues as words: what speaks for lymphocytes is near "lymphocytes"."""

import numpy as np

from models.protocols import ImageTextModel, Weighed
from models.registry import load
from models.starter_encoder import STABLE_DIM, TISSUES


def embeddings() -> np.ndarray:
    """Three tiles of each tissue, sure of it, in random other company."""
    rows = np.random.default_rng(0).normal(size=(3 * len(TISSUES), STABLE_DIM + len(TISSUES))).astype(np.float32)
    rows[:, STABLE_DIM:] = np.repeat(np.eye(len(TISSUES), dtype=np.float32), 3, axis=0) - 1 / len(TISSUES)
    return rows


def test_it_is_an_image_text_model_with_unit_rows() -> None:
    model = load("starter-image-text")
    assert isinstance(model, ImageTextModel)
    rows = model.project_image(embeddings())
    assert rows.shape == (27, model.card.dim)
    speaking = np.repeat([tissue != "background" for tissue in TISSUES], 3)
    np.testing.assert_allclose(np.linalg.norm(rows[speaking], axis=1), 1, atol=1e-5)


def test_tiles_of_a_tissue_are_nearest_to_its_words() -> None:
    model = load("starter-image-text")
    rows = model.project_image(embeddings())
    for words, tissue in (("T cells", "lymphocytes"), ("fat", "adipose tissue"), ("collagen", "stroma")):
        cosines = rows @ model.encode_text([words])[0]
        assert TISSUES[int(cosines.argmax()) // 3] == tissue, words


def test_a_gain_that_all_tiles_share_does_not_matter() -> None:
    model, rows = load("starter-image-text"), embeddings()
    shifted = rows + np.linspace(0, 3, rows.shape[1], dtype=np.float32)
    np.testing.assert_allclose(model.project_image(shifted), model.project_image(rows), atol=1e-4)


def test_it_encodes_tiles_itself_where_there_are_no_embeddings() -> None:
    tiles = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    model = load("starter-image-text")
    assert model.encode_image(tiles).shape == (2, STABLE_DIM + len(TISSUES))


def test_it_counts_most_where_it_was_measured_to_be_better() -> None:
    model = load("starter-image-text")
    assert isinstance(model, Weighed)
    shares = {query: model.share(query) for query in ("lymphocytes", "malignant tumour", "a sunny day")}
    assert all(0 <= share <= 1 for share in shares.values())
    assert shares["lymphocytes"] > 0.5 > shares["malignant tumour"]
