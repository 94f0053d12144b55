"""The DeepSpot network against an independent forward pass, and strict loading."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from models import checkpoint
from models.card import ModelUnavailable
from models.deepspot import DeepSpotPredictor, write_genes
from models.networks.deepspot import DeepSpotNet
from models.networks.loading import arrays_of
from models.training.deepspot import Bags, Recipe, expand_outputs, fit_deepspot, predict_scores

D, H, G, E = 6, 5, 7, 4
GENES = tuple(f"G{i}" for i in range(G))


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    net = DeepSpotNet(D, H, G, E)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.from_numpy(rng.normal(0, 1, tuple(parameter.shape)).astype(np.float32)))
    plan = {"tile_um": 55.0, "tile_px": 64, "sub_grid": 2, "neighbour_um": None}
    config = {
        "encoder": "fake-encoder",
        "plan": plan,
        "centre": False,
        "input_size": D,
        "hidden_size": H,
        "output_size": G,
        "n_phi": E,
    }
    checkpoint.write(tmp_path / "tiny", arrays_of(net, half=False), config)
    reliability = np.array([0.5, np.nan, *[0.1] * (G - 2)], np.float32)
    write_genes(tmp_path / "tiny" / "genes.csv", (GENES, ("ENSG1", *[""] * (G - 1)), reliability))
    return tmp_path / "tiny"


def _by_hand(arrays, bags, neighbours):
    """One spot at a time, in numpy."""

    def phi(x):
        members = sorted_rows = np.stack(
            [np.maximum(w @ x + b, 0) for w, b in zip(arrays["phi_weight"], arrays["phi_bias"], strict=True)]
        )
        sorted_rows = np.sort(members, axis=0)
        return sorted_rows[(len(members) - 1) // 2]

    out = []
    for bag, row in zip(bags, neighbours, strict=True):
        around = [phi(bags[j, 0]) for j in row if j >= 0] or [phi(np.zeros(D))]
        pooled = np.concatenate([phi(bag[0]), np.sum([phi(x) for x in bag[1:]], axis=0), np.max(around, axis=0)])
        out.append(np.maximum(arrays["rho.weight"] @ pooled + arrays["rho.bias"], 0))
    return np.stack(out)


def test_forward_pass_equals_an_independent_one(folder):
    rng = np.random.default_rng(1)
    bags = rng.normal(0, 1, (6, 5, D)).astype(np.float32)
    neighbours = np.array([[1, 2], [0, -1], [-1, -1], [4, 5], [3, 5], [3, 4]])
    expected = _by_hand(load_file(folder / "model.safetensors"), bags, neighbours)
    predictor = DeepSpotPredictor.load(folder)
    np.testing.assert_allclose(predictor.predict_expression(bags, neighbours), expected, atol=1e-5)
    no_columns = predictor.predict_expression(bags, np.empty((6, 0), np.int64))
    np.testing.assert_allclose(no_columns, predictor.predict_expression(bags, np.full((6, 3), -1)), atol=1e-6)


def test_genes_survive_a_round_trip(folder):
    predictor = DeepSpotPredictor.load(folder)
    assert predictor.genes == GENES and predictor.ensembl_ids[0] == "ENSG1"
    assert np.isnan(predictor.reliability[1]) and predictor.reliability[0] == pytest.approx(0.5)


def test_wrong_shape_of_embeddings_is_named(folder):
    with pytest.raises(ValueError, match=r"\(n, 5, 6\)"):
        DeepSpotPredictor.load(folder).predict_expression(np.zeros((2, 3, D), np.float32), np.zeros((2, 0), np.int64))


@pytest.mark.parametrize("damage", ["missing", "extra", "misshapen"])
def test_a_tensor_that_does_not_fit_names_itself(folder, damage):
    arrays = dict(load_file(folder / "model.safetensors"))
    if damage == "missing":
        del arrays["rho.bias"]
    elif damage == "extra":
        arrays["rho.scale"] = np.ones(2, np.float32)
    else:
        arrays["rho.bias"] = np.ones(G + 1, np.float32)
    save_file(arrays, folder / "model.safetensors")
    with pytest.raises(ModelUnavailable, match="rho.scale" if damage == "extra" else "rho.bias"):
        DeepSpotPredictor.load(folder)


def test_a_missing_config_entry_names_itself(folder):
    config = json.loads((folder / "config.json").read_text())
    del config["n_phi"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelUnavailable, match="n_phi"):
        DeepSpotPredictor.load(folder)


def test_gene_list_of_another_network_is_refused(folder):
    shutil.copy(folder / "genes.csv", folder / "kept.csv")
    (folder / "genes.csv").write_text("".join((folder / "kept.csv").read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(ModelUnavailable, match="genes"):
        DeepSpotPredictor.load(folder)


def test_training_finds_a_planted_signal_and_expansion_keeps_it():
    rng = np.random.default_rng(0)
    bags = rng.normal(0, 1, (80, 3, D)).astype(np.float32)
    targets = np.stack([bags[:, 0, 0], bags[:, 1:, 1].sum(axis=1)], axis=1)
    section = Bags(bags, np.full((80, 2), -1), targets, np.ones(80, np.float32))
    net = fit_deepspot([section], Recipe(hidden_size=32, n_phi=2, n_rho=2, dropout=0.0, steps=300, lr=5e-3), seed=0)
    scores = predict_scores(net, bags, section.neighbours)
    assert np.corrcoef(scores[:, 0], targets[:, 0])[0, 1] > 0.9
    basis = rng.normal(0, 1, (2, G)).astype(np.float32)
    wide = expand_outputs(net, basis, np.ones(G, np.float32))
    np.testing.assert_allclose(predict_scores(wide, bags, section.neighbours), scores @ basis + 1, atol=1e-4)
