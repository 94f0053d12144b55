"""Published weight files into our networks: other names, other shapes, nothing left out in silence."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from models.card import ModelUnavailable
from models.checkpoint import require_fit
from models.convert.torch_file import read_torch_file

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class From:
    """Tensors of a file that make one of ours: stacked along the first axis, or transposed."""

    names: tuple[str, ...]
    transposed: bool = False


def read_tensors(path: Path) -> dict[str, Any]:
    """Tensors by name from model.safetensors or a state dict of torch.save, which is read without executing it."""
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path))
        except SafetensorError as error:
            raise ModelUnavailable(f"{path} is damaged or cut off ({error}); get it again.") from error
    found = read_torch_file(path)
    for key in ("state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not all(isinstance(value, np.ndarray) for value in found.values()):
        raise ModelUnavailable(f"{path} holds no tensors by name (a state dict is expected).")
    return found


def first_file(folder: Path, alternatives: str) -> Path:
    """Of "a|b" the file that is here."""
    names = alternatives.split("|")
    return next((folder / name for name in names if (folder / name).is_file()), folder / names[0])


def fill(
    module: Module,
    tensors: Mapping[str, Any],
    source: Path,
    names: Mapping[str, From] | None = None,
    unused: Iterable[str] = (),
) -> Module:
    """Fill `module` from published tensors and return it in evaluation mode.

    `names` maps our names to the file's where they differ; `unused` are patterns of the file's names that this model
    does not read. Raises ModelUnavailable that names every tensor that is missing, extra or misshapen.
    """
    names = names or {}
    own = {name: tensor for name, tensor in module.state_dict().items() if not name.endswith("num_batches_tracked")}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, tensor in own.items():
        parts = names.get(name, From((name,)))
        shape = tuple(reversed(tensor.shape)) if parts.transposed else tuple(tensor.shape)
        for part in parts.names:
            shapes[part] = (shape[0] // len(parts.names), *shape[1:]) if len(parts.names) > 1 else shape
    skipped = re.compile(
        "|".join(f"(?:{pattern})" for pattern in (*unused, r".*num_batches_tracked", r".*position_ids"))
    )
    read = {name: tensor for name, tensor in tensors.items() if name in shapes or not skipped.fullmatch(name)}
    squeezed = {
        name: shape
        if name not in read or tuple(read[name].shape) == shape
        else _squeezed(shape, tuple(read[name].shape))
        for name, shape in shapes.items()
    }
    require_fit(read, squeezed, source)
    with torch.no_grad():
        for name, tensor in own.items():
            parts = names.get(name, From((name,)))
            values = [_as_tensor(read[part]) for part in parts.names]
            value = torch.cat(values) if len(values) > 1 else values[0]
            tensor.copy_((value.T if parts.transposed else value).reshape(tensor.shape))
    return module.eval()


def _squeezed(expected: tuple[int, ...], found: tuple[int, ...]) -> tuple[int, ...]:
    """`found` where it only lacks leading axes of length 1, as CLIP's class token does."""
    bare = expected
    while len(bare) > 1 and bare[0] == 1:
        bare = bare[1:]
        if bare == found:
            return found
    return expected


def _as_tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.from_numpy(np.array(value))


def joined(blocks: int, own: str, theirs: str, table: Mapping[str, str | tuple[str, ...]]) -> dict[str, From]:
    """Names of numbered blocks: `own` and `theirs` hold {i}; every entry stands for a weight and a bias."""
    found = {}
    for i in range(blocks):
        for mine, other in table.items():
            parts = (other,) if isinstance(other, str) else other
            for kind in ("weight", "bias"):
                stems = tuple(f"{theirs.format(i=i)}.{part}.{kind}" for part in parts)
                found[f"{own.format(i=i)}.{mine}.{kind}"] = From(stems)
    return found


def shape_of(tensors: Mapping[str, Any], name: str, source: Path, axes: int) -> tuple[int, ...]:
    """Shape of a tensor by which a network's sizes are known; raises ModelUnavailable that names it."""
    if name not in tensors or len(tensors[name].shape) != axes:
        found = f"'{name}' is {tuple(tensors[name].shape)}" if name in tensors else f"missing '{name}'"
        raise ModelUnavailable(f"The tensors of {source} are not those of this model: {found}.")
    return tuple(map(int, tensors[name].shape))


def count_blocks(tensors: Mapping[str, Any], prefix: str) -> int:
    """How many numbered blocks follow a prefix."""
    numbers = [int(found[1]) for name in tensors if (found := re.match(rf"{re.escape(prefix)}(\d+)\.", name))]
    return max(numbers, default=-1) + 1
