import gc
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from models.protocols import F32
from tools.texts import KnownTexts, encode_once


class Counting:
    """Encodes a phrase as its length, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_text(self, texts: Sequence[str]) -> F32:
        self.asked += texts
        return np.array([[len(text), 1.0] for text in texts], np.float32).reshape(-1, 2)


def test_a_phrase_is_encoded_once_whoever_asks() -> None:
    model = Counting()
    first = encode_once(model, ["fat", "T cells", "fat"])
    assert np.array_equal(first, [[3, 1], [7, 1], [3, 1]])
    assert np.array_equal(encode_once(model, ["T cells", "nerve"]), [[7, 1], [5, 1]])
    assert model.asked == ["fat", "T cells", "nerve"]
    assert encode_once(model, []).shape == (0, 2)


def test_the_longest_unused_leave() -> None:
    known, model = KnownTexts(most=2), Counting()
    for text in ("a", "bb", "a", "ccc", "a", "bb"):
        known.encode(model, [text])
    assert model.asked == ["a", "bb", "ccc", "bb"]
    assert np.array_equal(known.encode(model, ["a", "bb", "ccc", "dddd"])[:, 0], [1, 2, 3, 4])  # more than are kept


def test_models_do_not_share_and_are_not_held() -> None:
    one, other = Counting(), Counting()
    encode_once(one, ["fat"])
    encode_once(other, ["fat"])
    assert one.asked == other.asked == ["fat"]
    from tools.texts import _KNOWN

    before = len(_KNOWN)
    del one
    gc.collect()
    assert len(_KNOWN) == before - 1


def test_many_threads_get_what_is_right() -> None:
    model, gate = Counting(), threading.Barrier(8)
    known = KnownTexts(most=5)

    def ask(seed: int) -> bool:
        gate.wait(timeout=30)
        rng = np.random.default_rng(seed)
        texts = ["x" * int(k) for k in rng.integers(1, 30, 200)]
        return all(known.encode(model, [text])[0, 0] == len(text) for text in texts)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(8)))
