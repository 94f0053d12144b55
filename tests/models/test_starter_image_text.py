"""Evidence for tissues as words: what speaks for lymphocytes is near "lymphocytes"."""

import numpy as np

from models.checkpoint import read_config
from models.protocols import ImageTextModel, Weighed
from models.registry import load
from models.starter_encoder import STABLE_DIM, TISSUES
from models.starter_image_text import StarterImageText


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


def test_nuclei_that_evidence_tells_of_are_heard_in_their_words() -> None:
    config = read_config(StarterImageText.card.folder())
    silent = {name: kind | {"weights": [0.0] * len(TISSUES)} for name, kind in config["nuclei"].items()}
    only = {**silent, "inflammatory": silent["inflammatory"] | {"weights": [5.0] + [0.0] * (len(TISSUES) - 1)}}
    joint, rows = load("starter-joint"), embeddings()
    before, after = (StarterImageText(joint, config | {"nuclei": nuclei}) for nuclei in (silent, only))
    immune = joint.encode_text(["immune cells"])[0]
    fat = slice(0, 3)  # the first tissue's tiles, whose evidence now tells of inflammatory nuclei
    assert (after.project_image(rows)[fat] @ immune > before.project_image(rows)[fat] @ immune + 0.2).all()


def test_on_a_coarse_slide_the_reliability_of_that_scale_counts() -> None:
    config = read_config(StarterImageText.card.folder())
    labels = config["reliability"]["0.5"]
    blind = {label: (0.8, 0.5) for label in labels}
    model = StarterImageText(load("starter-joint"), config | {"reliability": {"0.5": labels, "4": blind}})
    assert model.share("lymphocytes", 3.5) < 0.1 < model.share("lymphocytes", 0.6)
