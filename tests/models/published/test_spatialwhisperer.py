"""SpatialWhisperer from its released files: three towers in one space."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from models.card import ModelUnavailable
from models.convert.whisperer import convert_whisperer
from models.networks.vit import VisionTransformer, VitSpec
from models.protocols import ImageTextModel, JointModel
from models.published.spatialwhisperer import SpatialWhisperer, SpatialWhispererImage
from models.published.uni import Uni2
from tests.models.published.conftest import randomise
from tests.models.published.test_cellwhisperer import GENES, SIZES, expression, reference
from tests.models.published.whisperer_release import Release

TINY = {"embed_dim": 16, "depth": 1, "num_heads": 2, "mlp_ratio": 4, "reg_tokens": 2}


@pytest.fixture
def release(tmp_path: Path) -> Release:
    made = Release(tmp_path / "release", GENES, SIZES, image_dim=16)
    convert_whisperer(made.write(), tmp_path / "models" / "spatialwhisperer", image=True)
    return made


def test_transcriptome_and_text(release: Release, tmp_path: Path) -> None:
    model = SpatialWhisperer.load(tmp_path / "models" / "spatialwhisperer")
    assert isinstance(model, JointModel) and model.nearest_terms("T cells") == [] and len(model.null_texts()) > 100
    x = expression(4, len(GENES))[:3]
    assert np.abs(model.embed_expression(x, list(GENES)) - reference(release, x, list(GENES))).max() <= 1e-5
    assert model.card.ranks_genes and model.logit_scale == pytest.approx(np.exp(2.9), rel=1e-6)


def test_image_goes_through_uni2_and_its_projection(release: Release, tmp_path: Path, tiles: NDArray[np.uint8]) -> None:
    spec = VitSpec(14, 16, 1, 2, 64, registers=2, packed=True, activation="silu", prefix_positions=False)
    folder = tmp_path / "models" / "uni2-h"
    folder.mkdir()
    save_file(randomise(VisionTransformer(spec)).state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_args": TINY}))
    model = SpatialWhispererImage.load(tmp_path / "models" / "spatialwhisperer")
    assert isinstance(model, ImageTextModel)
    features = model.encode_image(tiles)
    np.testing.assert_array_equal(features, Uni2.load(folder).encode_image(tiles))
    with torch.no_grad():
        expected = release.heads["image_block"](torch.from_numpy(features)).numpy()
    assert np.abs(model.project_image(features) - expected).max() <= 1e-5
    text = SpatialWhisperer.load(tmp_path / "models" / "spatialwhisperer").encode_text(["T cells"])
    np.testing.assert_array_equal(model.encode_text(["T cells"]), text)
    assert model.encoder == "uni2-h" and model.plan.sub_grid == 0


def test_a_cellwhisperer_folder_is_no_spatialwhisperer(tmp_path: Path) -> None:
    folder = Release(tmp_path / "cell", GENES, SIZES).write()
    with pytest.raises(ModelUnavailable, match="Spatial"):
        convert_whisperer(folder, tmp_path / "out", image=True)
    convert_whisperer(folder, tmp_path / "out", image=False)
    with pytest.raises(ModelUnavailable, match="no image projection"):
        SpatialWhispererImage.load(tmp_path / "out")
