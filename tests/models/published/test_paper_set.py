"""`prepare --models paper` through every stage, with tiny weights in the released formats."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.preprocessing import StandardScaler

from models.card import ModelUnavailable
from models.convert.convert import convert
from models.networks.vit import VisionTransformer, VitSpec
from models.published.cellwhisperer import CellWhisperer
from models.published.h_optimus import HOptimus0
from models.published.rank_encoding import read_tokens
from tests.models.published.conftest import randomise
from tests.models.published.deepspot_release import release_classes, save, write_side_files
from tests.models.published.test_cellwhisperer import GENES, SIZES
from tests.models.published.whisperer_release import Release
from tools.expression import box_neighbours
from tools.prepare import Runtime, prepare
from tools.prepared import PreparedSlide
from tools.slide import open_slide
from tools.workspace import PrepareOptions, Workspace

SYMBOLS = [f"S{gene[-4:]}" for gene in GENES][:150]
D = 32


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models with H-optimus-0, DeepSpot and CellWhisperer, tiny, converted from their released formats."""
    root = tmp_path_factory.mktemp("paper")
    folder = root / "models" / "h-optimus-0"
    folder.mkdir(parents=True)
    spec = VitSpec(14, D, 1, 2, 64, registers=4, packed=True, activation="silu", prefix_positions=False)
    save_file(randomise(VisionTransformer(spec), 0.3).state_dict(), folder / "model.safetensors")
    arguments = {"embed_dim": D, "depth": 1, "num_heads": 2, "mlp_ratio": 2, "img_size": 224}
    (folder / "config.json").write_text(json.dumps({"model_args": arguments}))
    classes = release_classes("deepspot.spot.model")
    torch.manual_seed(0)
    scaler = StandardScaler().fit(np.random.default_rng(0).gamma(2, 1, (50, len(SYMBOLS))))
    network = classes["DeepSpot"]((D, 8, len(SYMBOLS)), (3, 2), "spot_subspot_neighbors", scaler)
    save(root / "Lung", network, classes, "deepspot.spot.model")
    write_side_files(root / "Lung", SYMBOLS, mini_tiles=9)
    convert("deepspot", root / "Lung", root / "models" / "deepspot")
    convert("cellwhisperer", Release(root / "cell", GENES, SIZES).write(), root / "models" / "cellwhisperer")
    return root / "models"


def prepared(name: str, models: Path, tmp_path: Path, he_png: Path) -> PreparedSlide:
    options = PrepareOptions(mpp=1.0, pitch_um=220.0, models=name)
    return prepare(Workspace(tmp_path / name), str(he_png), options, Runtime("cpu", models))


@pytest.mark.parametrize("name", ["paper", "paper-compat"])
def test_a_slide_goes_through_every_stage(models: Path, tmp_path: Path, he_png: Path, name: str) -> None:
    slide = prepared(name, models, tmp_path, he_png)
    data, spots = slide.adata, slide.spots
    assert list(data.var_names) == SYMBOLS and data.X.min() >= 0 and len(spots) > 4
    # The same, by hand: cut, encode, DeepSpot in numpy, rank, embed.
    cut, encoder = open_slide(he_png, 1.0), HOptimus0.load(models / "h-optimus-0")
    bags = []
    for x, y in spots.l0_xy:
        tile = cut.read(int(x) - 27, int(y) - 27, 0, 55, 55)
        parts = [tile[18 * i : 18 * i + 18, 18 * j : 18 * j + 18] for i in range(3) for j in range(3)]
        bags.append(np.concatenate([encoder.encode_image(tile[None]), encoder.encode_image(np.stack(parts))]))
    expected = by_hand(models / "deepspot", np.stack(bags), neighbours(name, spots), encoder, name)
    np.testing.assert_allclose(np.asarray(data.X), expected, atol=2e-4)
    joint = CellWhisperer.load(models / "cellwhisperer")
    np.testing.assert_allclose(data.obsm["X_joint"], joint.embed_expression(np.asarray(data.X), SYMBOLS), atol=1e-5)
    assert data.uns["provenance"]["models"]["joint"] == "cellwhisperer"
    assert np.isfinite(slide.text_scores("T cells")).all()
    if name == "paper-compat":
        counts = np.expm1(np.asarray(data.X, np.float64))
        np.testing.assert_allclose(counts, np.rint(counts), rtol=1e-5)


def neighbours(name: str, spots: Any) -> list[list[int]]:
    if name == "paper-compat":
        return [[j for j in row if j >= 0] for row in box_neighbours(spots, 1).tolist()]
    apart = np.linalg.norm(spots.l0_xy[:, None] - spots.l0_xy[None], axis=2) * spots.mpp
    return [[j for j in range(len(spots)) if j != i and apart[i, j] < 1.25 * spots.pitch_um] for i in range(len(spots))]


def by_hand(folder: Path, bags: Any, around: list[list[int]], encoder: HOptimus0, name: str) -> Any:
    """DeepSpot from the converted tensors, a spot at a time."""
    from safetensors.numpy import load_file

    w = load_file(folder / "model.safetensors")
    black = encoder.encode_image(np.zeros((1, 40, 40, 3), np.uint8))[0]

    def phi(x: Any) -> Any:
        members = [np.maximum(a @ x + b, 0) for a, b in zip(w["phi_weight"], w["phi_bias"], strict=True)]
        return np.sort(members, axis=0)[1]

    rows = []
    for bag, near in zip(bags, around, strict=True):
        beside = np.max([phi(bags[j, 0]) for j in near] or [phi(black)], axis=0)
        pooled = np.concatenate([phi(bag[0]), np.sum([phi(x) for x in bag[1:]], axis=0), beside])
        row = (w["rho.weight"] @ pooled + w["rho.bias"]) * w["scaler_scale"] + w["scaler_mean"]
        if name == "paper-compat":
            row = np.log1p(np.floor(np.expm1(np.maximum(row * w["scaler_scale"] + w["scaler_mean"], 0))))
        rows.append(np.maximum(row, 0))
    return np.stack(rows)


def test_a_set_with_another_encoder_than_the_checkpoints_is_refused(models: Path, tmp_path: Path, he_png: Path) -> None:
    (models / "uni").mkdir()
    spec = VitSpec(16, D, 1, 2, 64)
    save_file(VisionTransformer(spec).state_dict(), models / "uni" / "model.safetensors")
    arguments = {"embed_dim": D, "depth": 1, "num_heads": 2, "mlp_ratio": 2}
    (models / "uni" / "config.json").write_text(json.dumps({"model_args": arguments}))
    with pytest.raises(ModelUnavailable, match=r"trained on h-optimus-0.*--models paper"):
        prepared("paper-uni", models, tmp_path, he_png)


def test_the_converted_table_of_genes_is_complete(models: Path) -> None:
    genes = read_tokens(models / "cellwhisperer" / "genes.csv")
    assert {name: (genes.tokens[name], genes.medians[name]) for name in genes.tokens} == GENES
