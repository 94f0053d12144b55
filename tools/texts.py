"""Phrases as vectors, each encoded once for all visitors and slides of this process."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np

from models.protocols import F32
from models.wordings import TextEncoder

MOST = 4096  # phrases a model; a few MB


class KnownTexts:
    """What one model made of the phrases that were asked for last; thread-safe."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._vectors: OrderedDict[str, F32] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, model: TextEncoder, texts: Sequence[str]) -> F32:
        """q texts -> (q, d), rows of unit norm; only phrases that are not known go to the model, in one batch."""
        with self._lock:
            found = {text: self._vectors[text] for text in texts if text in self._vectors}
            for text in found:
                self._vectors.move_to_end(text)
        new = [text for text in dict.fromkeys(texts) if text not in found]
        if new or not texts:
            made = model.encode_text(new)
            if not texts:
                return made
            found |= dict(zip(new, made, strict=True))
        with self._lock:
            self._vectors.update((text, found[text]) for text in new)
            while len(self._vectors) > self._most:
                self._vectors.popitem(last=False)
        return np.stack([found[text] for text in texts])


_KNOWN: WeakKeyDictionary[TextEncoder, KnownTexts] = WeakKeyDictionary()
_OPENING = threading.Lock()


def encode_once(model: TextEncoder, texts: Sequence[str]) -> F32:
    """As `model.encode_text`, from memory where a phrase was asked for before."""
    with _OPENING:
        known = _KNOWN.setdefault(model, KnownTexts())
    return known.encode(model, texts)
