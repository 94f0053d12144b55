"""Files of `torch.save`, read without torch and without executing them: a zip of one pickle and raw storages."""

import io
import math
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.card import ModelUnavailable
from models.convert.stand_ins import Array, Function, Inert, Sealed, UnsafePickle, stand_in
from models.convert.unpickle import RestrictedUnpickler, plain, run

LOCAL_HEADER = 30  # bytes of a zip's local file header before the name
STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bf16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")


@dataclass(frozen=True)
class Kind(Sealed):
    """Type of a storage: a numpy code, or bf16."""

    code: str


@dataclass(frozen=True)
class Storage(Sealed):
    """Raw numbers of one storage, flat; bfloat16 as its upper 16 bits."""

    flat: Array
    bf16: bool


def read_torch_file(path: Path, inert: Iterable[str] = ()) -> Any:
    """The object in a file of `torch.save`: arrays for tensors, plain containers, `Inert` for names under `inert`.

    Arrays lie in the file until they are used. Raises UnsafePickle for any other name, ModelUnavailable for a file that
    is damaged or of torch before 1.6.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise ModelUnavailable(
            f"{path} is not a file of torch 1.6 or later ({error}): it is cut off, or in the older format. "
            "Get it again, or save it once with a current torch."
        ) from error
    with archive:
        program = next((name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"), None)
        if program is None:
            raise ModelUnavailable(f"{path} is a zip, but holds no data.pkl: it was not written by torch.save.")
        root = program[: -len("data.pkl")]
        if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder") != b"little":
            raise ModelUnavailable(f"{path} was written on a big-endian machine; it is not read.")
        storages = _Storages(path, archive, root)
        stream = io.BytesIO(archive.read(program))
        return plain(run(RestrictedUnpickler(stream, path, TENSORS, inert, storages.load), path))


class _Storages:
    """Storages by their key, mapped from the file where the zip does not compress them."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, root: str) -> None:
        self._path, self._archive, self._root = path, archive, root
        self._read: dict[str, Storage] = {}

    def load(self, pid: Any) -> Storage:
        """Answer ("storage", type, key, location, numel)."""
        if not isinstance(pid, tuple) or len(pid) != 5 or pid[0] != "storage" or not isinstance(pid[1], Kind):
            raise UnsafePickle(f"{self._path.name} holds a reference that is no tensor; it is refused.")
        kind, key, numel = pid[1].code, str(pid[2]), int(pid[4])
        if key not in self._read:
            bf16 = kind == "bf16"
            self._read[key] = Storage(self._flat(key, np.dtype("<u2" if bf16 else kind), numel), bf16)
        return self._read[key]

    def _flat(self, key: str, dtype: "np.dtype[Any]", numel: int) -> Array:
        name = f"{self._root}data/{key}"
        try:
            entry = self._archive.getinfo(name)
        except KeyError:
            raise ModelUnavailable(f"{self._path} is damaged: the storage {name} is missing.") from None
        if numel < 0 or entry.file_size < numel * dtype.itemsize:
            raise ModelUnavailable(f"{self._path} is damaged: the storage {name} is shorter than it says.")
        if numel == 0:
            return np.zeros(0, dtype)
        if entry.compress_type != zipfile.ZIP_STORED:
            return np.frombuffer(self._archive.read(name), dtype, numel)
        with self._path.open("rb") as file:
            file.seek(entry.header_offset + 26)
            name_bytes, extra_bytes = (int.from_bytes(file.read(2), "little") for _ in range(2))
        start = entry.header_offset + LOCAL_HEADER + name_bytes + extra_bytes
        return np.memmap(self._path, dtype, "r", start, (numel,))


def _tensor(storage: Any, offset: int, size: Any, stride: Any, *_rest: Any) -> Array:
    """A view of a storage, checked against its bounds."""
    size, stride = tuple(map(int, size)), tuple(map(int, stride))
    if not isinstance(storage, Storage) or len(size) != len(stride) or min((offset, *size, *stride)) < 0:
        raise UnsafePickle("A tensor is described in a way that torch never writes; it is refused.")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if math.prod(size) and last >= len(storage.flat):
        raise UnsafePickle("A tensor reaches beyond its data; the file is refused.")
    if not math.prod(size):
        return np.zeros(size, np.float32 if storage.bf16 else storage.flat.dtype)
    steps = [step * storage.flat.itemsize for step in stride]
    view = np.lib.stride_tricks.as_strided(storage.flat[offset:], size, steps, writeable=False)
    return (view.astype(np.uint32) << 16).view(np.float32) if storage.bf16 else view


def _parameter(data: Any, *_rest: Any) -> Any:
    return data


def _size(values: Any = ()) -> tuple[int, ...]:
    return tuple(map(int, values))


TENSORS: dict[str, Any] = {
    "torch._utils._rebuild_tensor_v2": Function(_tensor),
    "torch._utils._rebuild_parameter": Function(_parameter),
    "torch._utils._rebuild_parameter_with_state": Function(_parameter),
    "torch.Size": Function(_size),
    "torch.device": stand_in("torch.device"),
    **{f"torch.{name}": Kind(code) for name, code in STORAGES.items()},
    **{f"torch.{name}": name for name in DTYPES},
}


def module_tensors(module: Inert, prefix: str = "") -> dict[str, Array]:
    """Tensors of a pickled module tree under the names that its state_dict would have."""
    found = {
        prefix + name: value
        for kind in ("_parameters", "_buffers")
        for name, value in module.state.get(kind, {}).items()
        if isinstance(value, np.ndarray)
    }
    for name, child in module.state.get("_modules", {}).items():
        if isinstance(child, Inert):
            found |= module_tensors(child, f"{prefix}{name}.")
    return found
