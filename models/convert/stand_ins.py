"""What stands in for the objects that a pickle names: nothing here acts, and nothing can be made to."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.card import ModelUnavailable

Array = NDArray[Any]


class UnsafePickle(ModelUnavailable):
    """A file asks for something that no file of weights needs; it was not run."""


class Sealed:
    """What a pickle may pass around, but never change: the opcode that sets an object's state ends here."""

    def __setstate__(self, _state: Any) -> None:
        raise UnsafePickle("The file tries to change how files are read; it is refused, nothing of it was run.")


class Function(Sealed):
    """One of our own functions under a published name."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        """Call it."""
        return self._function(*args)


class Inert:
    """Stands for an object whose class is known by name only. It keeps arguments, state and items."""

    path = ""  # "module.Class", set on the subclass that `stand_in` makes

    def __new__(cls, *args: Any, **_kwargs: Any) -> "Inert":
        """Keep the arguments."""
        made = object.__new__(cls)
        made.args, made.state, made.items = args, {}, {}
        return made

    args: tuple[Any, ...]
    state: dict[str, Any]
    items: dict[Any, Any]

    def __setstate__(self, state: Any) -> None:
        parts = state if isinstance(state, tuple) else (state,)  # (__dict__, __slots__) or __dict__
        for part in parts:
            if isinstance(part, dict):
                self.state.update(part)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items[key] = value

    def append(self, value: Any) -> None:
        """What a pickle calls on a subclass of list."""
        self.items[len(self.items)] = value


class Entries(dict[Any, Any]):
    """An ordered dict whose attributes (`_metadata` of a state dict) are dropped."""

    def __setstate__(self, _state: Any) -> None:
        pass


class DType:
    """A numpy dtype: only plain numbers, booleans and strings."""

    def __init__(self, code: str, _align: Any = False, _copy: Any = True) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[<>|=]?[?biufcSU]\d*", code):
            raise UnsafePickle(f"An array of the numpy type {code!r} is refused: only numbers and text are read.")
        self.value = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        if state[1] in ("<", ">"):
            self.value = self.value.newbyteorder(state[1])


class ArrayOf:
    """A numpy array that is being rebuilt; `value` afterwards."""

    value: Array

    def __setstate__(self, state: Any) -> None:
        _version, shape, dtype, fortran, raw = state
        flat = np.frombuffer(bytes_of(raw), dtype_of(dtype))
        self.value = flat.reshape(shape, order="F" if fortran else "C")


def stand_in(path: str) -> type[Inert]:
    """A class of its own for each name, so that a pickle may call it or make an instance without calling."""
    return type(path.rpartition(".")[2], (Inert,), {"path": path})


def dtype_of(value: Any) -> "np.dtype[Any]":
    """The numpy type behind its stand-in."""
    if not isinstance(value, DType):
        raise UnsafePickle("A pickled array has no plain type.")
    return value.value


def bytes_of(raw: Any) -> bytes:
    """Raw numbers; a list would be objects."""
    if not isinstance(raw, bytes | bytearray):
        raise UnsafePickle("A pickled array holds objects instead of numbers; it is refused.")
    return bytes(raw)
