"""Pickles of other people, read without running what is in them: numpy and plain containers, nothing else.

A pickle is a program: it names functions and classes ("globals") and calls them. Here every name is looked up in tables
of our own. Names of tensors, arrays and containers lead to functions of this file; names under the prefixes that a
reader announces (the classes of the model that it expects) lead to `Inert` stand-ins that keep what they are given and
do nothing; every other name is refused with a sentence that says which. Nothing is ever imported by name.
"""

import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np

from models.card import ModelUnavailable
from models.convert.stand_ins import (
    Array,
    ArrayOf,
    DType,
    Entries,
    Function,
    Inert,
    UnsafePickle,
    bytes_of,
    dtype_of,
    stand_in,
)

PYTHON_2_NAMES = {"__builtin__": "builtins", "copy_reg": "copyreg"}  # pickles of protocol 2 use the old names


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Bytes as protocol 2 writes them."""
    return text.encode("latin1" if encoding in ("latin1", "latin-1") else "ascii")


def _scalar(dtype: DType, raw: bytes = b"") -> Any:
    return np.frombuffer(bytes_of(raw), dtype_of(dtype))[0].item()


def _from_buffer(buffer: Any, dtype: DType, shape: Any, order: str) -> Array:
    return np.frombuffer(bytes_of(buffer), dtype_of(dtype)).reshape(shape, order="F" if order == "F" else "C")


def _object(kind: Any, *_rest: Any) -> Any:
    """An instance without a call of its constructor, as protocols 0 and 1 make it."""
    if not (isinstance(kind, type) and issubclass(kind, Inert)):
        raise UnsafePickle("The file makes an object of a class that no weights need; it is refused.")
    return kind()


KNOWN: dict[str, Any] = {
    "collections.OrderedDict": Entries,
    "collections.defaultdict": Function(lambda *_: Entries()),
    "builtins.dict": dict,
    "builtins.list": list,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "builtins.object": stand_in("builtins.object"),
    "copyreg._reconstructor": Function(_object),
    "_codecs.encode": Function(_encode),
    "numpy.dtype": DType,
    "numpy.ndarray": ArrayOf,
}
for _core in ("numpy.core", "numpy._core"):
    KNOWN[f"{_core}.multiarray._reconstruct"] = Function(lambda *_: ArrayOf())
    KNOWN[f"{_core}.multiarray.scalar"] = Function(_scalar)
    KNOWN[f"{_core}.numeric._frombuffer"] = Function(_from_buffer)


class RestrictedUnpickler(pickle.Unpickler):
    """Builds nothing but arrays, plain containers and stand-ins.

    `known` adds names to the table (the reader of torch files adds tensors); `inert` are prefixes of names that become
    stand-ins; `load_storage` answers the persistent ids of torch files.
    """

    def __init__(
        self,
        stream: IO[bytes],
        source: Path,
        known: dict[str, Any] | None = None,
        inert: Iterable[str] = (),
        load_storage: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(stream)
        self._source, self._known, self._inert = source, KNOWN | (known or {}), tuple(inert)
        self._load_storage = load_storage

    def find_class(self, module: str, name: str) -> Any:
        """Our own object for a name; a name outside of the tables raises UnsafePickle."""
        path = f"{PYTHON_2_NAMES.get(module, module)}.{name}"
        if path in self._known:
            return self._known[path]
        if any(path == prefix or path.startswith(f"{prefix}.") for prefix in self._inert):
            return stand_in(path)
        raise UnsafePickle(
            f"{self._source.name} asks for '{path}', which these weights do not need. The file is refused; nothing of "
            "it was run. Get it again from its publisher."
        )

    def persistent_load(self, pid: Any) -> Any:
        """The storage behind a tensor."""
        if self._load_storage is None:
            raise UnsafePickle(f"{self._source.name} refers to data outside of itself; it is refused.")
        return self._load_storage(pid)


def plain(value: Any) -> Any:
    """Containers with every rebuilt array in its place; stand-ins stay."""
    if isinstance(value, ArrayOf):
        return value.value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(plain(item) for item in value)
    return value


def read_pickle(path: Path) -> Any:
    """A pickle of plain containers, numbers and arrays (gene dictionaries). Raises UnsafePickle, ModelUnavailable."""
    with path.open("rb") as stream:
        return plain(run(RestrictedUnpickler(stream, path), path))


def run(unpickler: RestrictedUnpickler, path: Path) -> Any:
    """The unpickled object; a damaged file becomes a sentence."""
    try:
        return unpickler.load()
    except ModelUnavailable:
        raise
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        raise ModelUnavailable(f"{path} is damaged or no pickle of weights ({error}).") from error
