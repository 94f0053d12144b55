"""CLIP's byte pairs of a published folder (vocab.json, merges.txt)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOKENIZER = ("vocab.json", "merges.txt")


class ClipTokens:
    """Texts to token ids between a start and an end token; what is longer than `most` is cut before its end.

    The towers look only backwards and read the state at the end token, so how texts are padded does not matter.
    """

    def __init__(self, folder: Path, most: int) -> None:
        from transformers import CLIPTokenizer

        self._tokenizer: Any = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        self._most = most

    def __call__(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """(q, t)."""
        found = self._tokenizer(list(texts), padding=True, truncation=True, max_length=self._most)
        return np.array(found["input_ids"], np.int64)
