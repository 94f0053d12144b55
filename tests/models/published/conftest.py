"""timm and torchvision as references, where they are installed (`setup_env.py --test` brings them)."""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def import_torchvision() -> ModuleType | None:
    """torchvision; beside a CPU torch its usual build misses operators, which are declared here (nobody calls them).

    Before transformers is imported, whose models would fail with it. None where it is not installed.
    """
    if find_spec("torchvision") is None:
        return None
    try:
        return import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in OPERATORS:
            library.define(operator)
        declared.append(library)
        return import_module("torchvision")


declared: list[torch.library.Library] = []  # kept: an operator lives as long as its library
TORCHVISION = import_torchvision()


@pytest.fixture(scope="session")
def torchvision() -> ModuleType:
    if TORCHVISION is None:
        pytest.skip("torchvision is not installed: python3 setup_env.py --test")
    return TORCHVISION


@pytest.fixture(scope="session")
def timm(torchvision: ModuleType) -> ModuleType:
    module: ModuleType = pytest.importorskip("timm", reason="timm is not installed: python3 setup_env.py --test")
    return module


@pytest.fixture
def tiles() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)


def randomise(module: torch.nn.Module, scale: float = 0.08) -> torch.nn.Module:
    """Every parameter and buffer drawn anew, so that nothing is 0 or 1 by default."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.normal_(0, scale)
                if "norm" in name.lower() or "gamma" in name or "lambda" in name or "running_var" in name:
                    tensor.abs_().add_(0.5)
    return module.eval()
