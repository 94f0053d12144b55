"""What the networks would run on, in words, and how; torch is imported when asked."""

_compile = False


def use_compile(on: bool) -> None:
    """Whether networks that are loaded from now on in this process go through `torch.compile`."""
    global _compile
    _compile = on


def wants_compile() -> bool:
    """What `use_compile` was told last."""
    return _compile


def describe_device(name: str) -> str:
    """Device, precision and torch version."""
    import torch

    from models.networks.compute import native_bf16, torch_device

    device = torch_device(name)
    what = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    precision = "bfloat16" if native_bf16(device) else "float32"
    return f"{device.type} ({what}), {precision}, torch {torch.__version__}"


def has_gpu() -> bool:
    """Whether torch sees an accelerator: CUDA, or Apple's."""
    import torch

    return bool(torch.cuda.is_available() or torch.backends.mps.is_available())
