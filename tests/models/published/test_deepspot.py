"""A released DeepSpot folder, both pickle generations, against DeepSpot written out in numpy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from torch import nn

from models.card import ModelUnavailable
from models.convert.deepspot import convert_deepspot
from models.convert.stand_ins import UnsafePickle
from models.published.deepspot import PaperCompatPredictor, PublishedPredictor
from tests.models.published.deepspot_release import PARTS, release_classes, save, write_side_files

D, H, G, E = 6, 5, 7, 4
GENES = [f"G{i}" for i in range(G)]


def released(folder: Path, module: str, context: str = "spot_subspot_neighbors", scaler: Any = None) -> Any:
    """Write a folder as it is released; returns the model, to compare with."""
    classes = release_classes(module)
    torch.manual_seed(0)
    model = classes["DeepSpot"]((D, H, G), (E, 3), context, scaler)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.4)
    save(folder, model, classes, module)
    write_side_files(folder, GENES)
    return model


def by_hand(
    state: dict[str, NDArray[np.float32]], context: str, bag: NDArray[np.float32], around: list[NDArray[np.float32]]
) -> NDArray[np.float64]:
    """One spot: the ensemble uncollapsed, the lower median by sorting."""

    def phi(x: NDArray[np.float32]) -> NDArray[np.float64]:
        members = [
            np.maximum(state[f"phi_spot.{i}.model.0.weight"].astype(float) @ x + state[f"phi_spot.{i}.model.0.bias"], 0)
            for i in range(E)
        ]
        return np.sort(members, axis=0)[(E - 1) // 2]

    parts = {
        "spot": phi(bag[0]),
        "subspot": sum(phi(x) for x in bag[1:]),
        "neighbors": np.max([phi(x) for x in around], 0),
    }
    pooled = np.concatenate([parts[name] for name in context.split("_")])
    return np.mean(
        [state[f"rho.{i}.model.2.weight"] @ pooled + state[f"rho.{i}.model.2.bias"] for i in range(3)], axis=0
    )


BAGS = np.random.default_rng(1).normal(0, 1, (5, 5, D)).astype(np.float32)
ROWS = np.array([[1, 2, -1], [0, -1, -1], [4, 3, 0], [2, -1, -1], [0, 1, 2]])


def reference(model: Any, context: str) -> NDArray[np.float64]:
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    return np.stack(
        [by_hand(state, context, bag, [BAGS[j, 0] for j in row if j >= 0]) for bag, row in zip(BAGS, ROWS, strict=True)]
    )


def scalers() -> list[Any]:
    y = np.random.default_rng(2).gamma(2, 1, (50, G))
    return [None, StandardScaler().fit(y), RobustScaler().fit(y)]


@pytest.mark.parametrize("module", ["deepspot.spot.model", "deepspot.model"])
@pytest.mark.parametrize("context", list(PARTS))
def test_predictions_equal_the_network_written_out(tmp_path: Path, module: str, context: str) -> None:
    for number, scaler in enumerate(scalers()):
        folder, out = tmp_path / f"in{number}", tmp_path / f"out{number}" / "deepspot"
        model = released(folder, module, context, scaler)
        config = convert_deepspot(folder, out)
        assert config["encoder"] == "h-optimus-0" and config["generation"] == f"{module}.DeepSpot"
        predictor = PublishedPredictor.load(out)
        expected = reference(model, context)
        once = expected if scaler is None else scaler.inverse_transform(expected)
        found = predictor.predict_expression(BAGS, ROWS)
        assert np.abs(found - np.maximum(once, 0)).max() <= 1e-5
        twice = once if scaler is None else scaler.inverse_transform(once)
        compat = PaperCompatPredictor.load(out).predict_expression(BAGS, ROWS)
        exact = np.expm1(np.maximum(twice, 0))
        counts = exact.astype(np.int32)
        sure = (np.abs(exact - np.rint(exact)) > 1e-3) | (exact == 0)  # away from where rounding decides
        assert sure.mean() > 0.9 and (scaler is None or (counts[sure] > 0).any())
        np.testing.assert_array_equal(np.rint(np.expm1(compat))[sure], counts[sure])
        assert predictor.plan.sub_grid == 2 and predictor.plan.neighbour_box is None
        assert PaperCompatPredictor.load(out).plan.neighbour_box == 1


def test_the_collapsed_rho_equals_the_ensemble(tmp_path: Path) -> None:
    model = released(tmp_path / "in", "deepspot.model")
    convert_deepspot(tmp_path / "in", tmp_path / "out")
    arrays = load_file(tmp_path / "out" / "model.safetensors")
    pooled = torch.randn(20, 3 * H)
    with torch.no_grad():
        ensemble = torch.stack([rho.model.eval()(pooled.clamp(min=0)) for rho in model.rho]).mean(0).numpy()
    collapsed = pooled.clamp(min=0).numpy() @ arrays["rho.weight"].T + arrays["rho.bias"]
    assert np.abs(ensemble - collapsed).max() <= 1e-5


def test_genes_are_the_predicted_rows_in_the_order_of_the_file(tmp_path: Path) -> None:
    released(tmp_path / "in", "deepspot.model")
    convert_deepspot(tmp_path / "in", tmp_path / "out")
    assert PublishedPredictor.load(tmp_path / "out").genes == tuple(GENES)


def test_a_lonely_spot_sees_a_black_tile(tmp_path: Path) -> None:
    """With the fake encoder (8 values) as the encoder that the checkpoint names."""
    from models.networks.deepspot_published import PublishedDeepSpot
    from models.registry import load

    net = PublishedDeepSpot(8, H, G, E, "spot_neighbors")
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_()
    config = {"encoder": "fake-encoder", "sub_grid": 0, "neighbours": 1}
    genes = (tuple("ABCDEFG"), ("",) * G, np.full(G, np.nan, np.float32))
    predictor = PublishedPredictor(net, config, genes, ("cpu", tmp_path))
    black = load("fake-encoder").encode_image(np.zeros((1, 224, 224, 3), np.uint8))
    bags = np.random.default_rng(0).normal(0, 1, (2, 1, 8)).astype(np.float32)
    alone = predictor.predict_expression(bags[:1], np.full((1, 3), -1))
    beside = predictor.predict_expression(np.concatenate([bags[:1], black[:, None]]), np.array([[1], [0]]))
    np.testing.assert_allclose(alone[0], beside[0], atol=1e-5)


@pytest.mark.parametrize(
    ("damage", "named"),
    [("missing", "rho.1.model.2.bias"), ("extra", "phi_spot.0.odd"), ("misshapen", "phi_spot.2.model.0.weight"),
     ("genes", "6 genes"), ("encoder", "resnet50"), ("yaml", "no plain YAML"), ("cell", "DeepCell"),
     ("scaler", "MinMaxScaler"), ("context", "spot_context"), ("absent", "top_param_overall.yaml")],
)  # fmt: skip
def test_what_does_not_fit_is_named(tmp_path: Path, damage: str, named: str) -> None:
    folder, module = tmp_path / "in", "deepspot.spot.model"
    classes = release_classes(module)
    model = classes["DeepSpot"]((D, H, G), (E, 3), "spot_subspot_neighbors", None)
    write_side_files(
        folder, GENES[: G - 1] if damage == "genes" else GENES, "resnet50" if damage == "encoder" else "uni"
    )
    if damage == "yaml":
        (folder / "top_param_overall.yaml").write_text("a: !!python/object/apply:os.system ['true']\n")
    elif damage == "absent":
        (folder / "top_param_overall.yaml").unlink()
    elif damage == "missing":
        model.rho[1].model[2].bias = None
    elif damage == "extra":
        model.phi_spot[0].odd = nn.Parameter(torch.ones(1))
    elif damage == "misshapen":
        model.phi_spot[2].model[0] = nn.Linear(D + 1, H)
    elif damage == "scaler":
        model.scaler = MinMaxScaler().fit(np.eye(G))
    elif damage == "context":
        model._hparams["spot_context"] = "neighbours"
    elif damage == "cell":
        classes["DeepSpot"].__name__ = classes["DeepSpot"].__qualname__ = "DeepCell"
    save(folder, model, classes, module)
    with pytest.raises(ModelUnavailable, match=named):
        convert_deepspot(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_malicious_scaler_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            import os

            return os.system, (f"touch {tmp_path / 'executed'}",)

    scaler = StandardScaler().fit(np.eye(G))
    scaler.mean_ = Evil()
    released(tmp_path / "in", "deepspot.model", scaler=scaler)
    with pytest.raises(UnsafePickle, match=r"posix\.system"):
        convert_deepspot(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "executed").exists() and not (tmp_path / "out").exists()
