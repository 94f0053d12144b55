"""Pickles that attack execute nothing; pickles of weights are read as torch reads them."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from models.card import ModelUnavailable
from models.convert.stand_ins import UnsafePickle
from models.convert.torch_file import read_torch_file
from models.convert.unpickle import read_pickle


class Calls:
    """Pickles to a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> Any:
        return self.call


def attacks(mark: Path) -> dict[str, Any]:
    touch = Calls(os.system, f"touch {mark}")
    scaler = StandardScaler().fit(np.eye(3))
    scaler.mean_ = touch
    return {
        "bare": touch,
        "nested": {"state_dict": OrderedDict(weight=torch.ones(2), bias=[{"deep": touch}])},
        "scaler": {"scaler": scaler, "weight": torch.ones(2)},
        "eval": {"a": Calls(eval, f"open({str(mark)!r}, 'w')")},
        "getattr": {"a": Calls(getattr, [], "append")},
    }


@pytest.mark.parametrize("name", ["bare", "nested", "scaler", "eval", "getattr"])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_an_attack_runs_nothing_and_is_named(tmp_path: Path, name: str, protocol: int) -> None:
    mark = tmp_path / "executed"
    torch.save(attacks(mark)[name], tmp_path / "model.pkl", pickle_protocol=max(protocol, 1))
    with pytest.raises(UnsafePickle, match=r"posix\.system|builtins\.eval|builtins\.getattr"):
        read_torch_file(tmp_path / "model.pkl", inert=("sklearn.preprocessing",))
    assert not mark.exists()
    (tmp_path / "genes.pkl").write_bytes(pickle.dumps(Calls(os.system, f"touch {mark}"), protocol=protocol))
    with pytest.raises(UnsafePickle, match=r"posix\.system"):
        read_pickle(tmp_path / "genes.pkl")
    assert not mark.exists()


def test_the_same_attack_does_run_in_pickle_itself(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    pickle.loads(pickle.dumps(attacks(mark)["bare"]))
    assert mark.exists()


def test_stand_ins_do_nothing_when_called(tmp_path: Path) -> None:
    """A name under an accepted prefix leads nowhere, whatever it is called with."""
    mark = tmp_path / "executed"
    program = f"csklearn.preprocessing.x\nsystem\n(S'touch {mark}'\ntR.".encode()
    (tmp_path / "x.pkl").write_bytes(program)
    with pytest.raises(UnsafePickle):
        read_pickle(tmp_path / "x.pkl")
    write_zip(tmp_path / "y.pkl", program)
    found = read_torch_file(tmp_path / "y.pkl", inert=("sklearn.preprocessing",))
    assert found.args == (f"touch {mark}",) and not mark.exists()


def write_zip(path: Path, program: bytes, data: bytes = b"") -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/data/0", data)


class Storage:
    """Pickles as a persistent id."""

    def __init__(self, kind: Any, numel: int) -> None:
        self.pid = ("storage", kind, "0", "cpu", numel)


class StoragePickler(pickle.Pickler):
    def persistent_id(self, value: Any) -> Any:
        return value.pid if isinstance(value, Storage) else None


def tensor_program(size: tuple[int, ...], stride: tuple[int, ...], offset: int, state: Any = None) -> bytes:
    stream = io.BytesIO()
    call = Calls(torch._utils._rebuild_tensor_v2, Storage(torch.FloatStorage, 4), offset, size, stride, False, {})
    if state is not None:
        call.call = (*call.call, state)
    StoragePickler(stream, 2).dump(call)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [((5,), (1,), 0), ((2, 2), (4, 1), 0), ((2,), (1,), 3), ((2,), (-1,), 1), ((1,), (1,), -1)],
)
def test_tensors_never_reach_beyond_their_data(
    tmp_path: Path, size: tuple[int, ...], stride: tuple[int, ...], offset: int
) -> None:
    write_zip(tmp_path / "w.pt", tensor_program(size, stride, offset), bytes(16))
    with pytest.raises(UnsafePickle):
        read_torch_file(tmp_path / "w.pt")
    write_zip(tmp_path / "ok.pt", tensor_program((2, 2), (2, 1), 0), np.arange(4, dtype="<f4").tobytes())
    np.testing.assert_array_equal(read_torch_file(tmp_path / "ok.pt"), [[0, 1], [2, 3]])


def test_a_storage_that_claims_more_than_there_is(tmp_path: Path) -> None:
    write_zip(tmp_path / "w.pt", tensor_program((2,), (1,), 0), bytes(8))
    with pytest.raises(ModelUnavailable, match="shorter"):
        read_torch_file(tmp_path / "w.pt")


def test_state_cannot_be_set_on_what_reads(tmp_path: Path) -> None:
    """BUILD on a storage kind: what would make the reader take floats for pointers."""
    program = b"ctorch\nFloatStorage\n}S'code'\nS'O'\nsb."
    write_zip(tmp_path / "w.pt", program)
    with pytest.raises(UnsafePickle, match="change how files are read"):
        read_torch_file(tmp_path / "w.pt")


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(np.array([{}, 1], dtype=object), protocol=2))
    with pytest.raises(UnsafePickle, match="numpy type"):
        read_pickle(tmp_path / "a.pkl")


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool]
)
def test_tensors_are_read_as_torch_reads_them(tmp_path: Path, dtype: torch.dtype) -> None:
    base = (torch.arange(24).reshape(4, 6) % 5).to(dtype)
    saved = {"a": base, "view": base[1:3, ::2], "t": base.T, "p": torch.nn.Parameter(base.float()), "none": None}
    saved |= {"empty": base[:0], "scalar": base[2, 3].clone(), "sizes": base.shape, "dtype": dtype}
    torch.save(saved, tmp_path / "w.pt")
    found = read_torch_file(tmp_path / "w.pt")
    for name, value in saved.items():
        if isinstance(value, torch.Tensor):
            np.testing.assert_array_equal(found[name], value.detach().float().numpy())
            assert found[name].shape == tuple(value.shape)
    assert found["none"] is None and found["sizes"] == (4, 6) and found["dtype"] == str(dtype).split(".")[1]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_plain_pickles_are_read_as_pickle_reads_them(tmp_path: Path, protocol: int) -> None:
    value = {
        "ENSG1": 3,
        "m": np.float64(2.5),
        "a": np.arange(6.0).reshape(2, 3, order="F"),
        "s": {1, 2},
        "t": ("x", [1]),
    }
    (tmp_path / "v.pkl").write_bytes(pickle.dumps(value, protocol=protocol))
    found = read_pickle(tmp_path / "v.pkl")
    np.testing.assert_array_equal(found.pop("a"), value.pop("a"))
    assert found == value


def test_what_is_no_torch_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "cut.pt").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(ModelUnavailable, match="cut off"):
        read_torch_file(tmp_path / "cut.pt")
    with zipfile.ZipFile(tmp_path / "other.pt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ModelUnavailable, match=r"no data\.pkl"):
        read_torch_file(tmp_path / "other.pt")
