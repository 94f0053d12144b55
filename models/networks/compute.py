"""Where and in which precision networks run."""

from contextlib import AbstractContextManager

import torch


def torch_device(name: str) -> torch.device:
    """'auto' takes a GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def native_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 here: GPUs, and CPUs that multiply it natively."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    flags = torch.cpu._is_avx512_bf16_supported() if hasattr(torch.cpu, "_is_avx512_bf16_supported") else False
    return bool(flags)


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """Autocast to bfloat16 where that is native, else float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=native_bf16(device))
