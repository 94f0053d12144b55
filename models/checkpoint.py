"""A checkpoint is model.safetensors + config.json in one folder; it is read strictly.

Arrays come as numpy, so that models without a network need no torch.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from models.card import ModelUnavailable

Arrays = dict[str, NDArray[Any]]


def write(folder: Path, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> None:
    """Write both files into `folder`.

    Without its config a model counts as missing: a run that is killed in between leaves no weights with another config.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / "model.safetensors") as part:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, part)
        part.chmod(0o644)
        (folder / "config.json").unlink(missing_ok=True)
    with whole(folder / "config.json") as part:
        part.write_text(json.dumps(config, indent=1) + "\n")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well."""
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a checkpoint."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return config


def need(config: Mapping[str, Any], key: str, folder: Path) -> Any:
    """A required entry of a config; its absence is named."""
    if key not in config:
        raise ModelUnavailable(f"{folder / 'config.json'} lacks '{key}'; it has: {', '.join(config) or 'nothing'}.")
    return config[key]


def read_arrays(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> Arrays:
    """Tensors of a checkpoint, floats as float32; anything missing, extra or misshapen is named."""
    arrays = load_file(folder / "model.safetensors")
    require_fit(arrays, shapes, folder / "model.safetensors")
    return {name: a.astype(np.float32) if a.dtype.kind == "f" else a for name, a in arrays.items()}


def require_fit(tensors: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], source: Path) -> None:
    """Raise ModelUnavailable that names every tensor of `source` that is missing, extra or misshapen."""
    problems = [f"missing '{name}'" for name in shapes if name not in tensors]
    problems += [f"unexpected '{name}'" for name in tensors if name not in shapes]
    problems += [
        f"'{name}' is {tuple(tensors[name].shape)}, expected {tuple(shape)}"
        for name, shape in shapes.items()
        if name in tensors and tuple(tensors[name].shape) != tuple(shape)
    ]
    if problems:
        listed = "; ".join(problems[:8]) + (f"; and {len(problems) - 8} more" if len(problems) > 8 else "")
        raise ModelUnavailable(f"The tensors of {source} are not those of this model: {listed}.")
