"""From a checkpoint folder into a torch module, strictly."""

from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from models.checkpoint import Arrays, read_arrays

Module = TypeVar("Module", bound=nn.Module)


def load_into(module: Module, folder: Path) -> Module:
    """Fill `module` from `folder`; every tensor must fit. Returned in evaluation mode."""
    own = {name: tensor for name, tensor in module.state_dict().items() if not name.endswith("num_batches_tracked")}
    arrays = read_arrays(folder, {name: tuple(tensor.shape) for name, tensor in own.items()})
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(torch.from_numpy(arrays[name]))
    return module.eval()


def arrays_of(module: nn.Module, *, half: bool) -> Arrays:
    """Tensors of a module as numpy; with `half`, matrices and kernels in float16 (norms stay float32)."""
    state = {name: tensor for name, tensor in module.state_dict().items() if not name.endswith("num_batches_tracked")}
    return {
        name: (tensor.half() if half and tensor.ndim > 1 else tensor).detach().cpu().numpy()
        for name, tensor in state.items()
    }
