"""BERT's word pieces from a published folder: vocab.txt and, where it is there, tokenizer_config.json."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.card import ModelUnavailable
from models.published.vit_encoder import read_json


class WordPieces:
    """Texts to token ids with [CLS] and [SEP]. Lower case as the folder says; a folder that is silent means yes."""

    def __init__(self, folder: Path, most: int) -> None:
        from tokenizers import BertWordPieceTokenizer

        path = folder / "vocab.txt"
        if not path.is_file():
            raise ModelUnavailable(f"{path} is missing: the vocabulary of the text model.")
        lower = bool(read_json(folder / "tokenizer_config.json").get("do_lower_case", True))
        self._tokenizer = BertWordPieceTokenizer(str(path), lowercase=lower)
        self._tokenizer.enable_truncation(most)
        self._tokenizer.enable_padding(pad_id=self._tokenizer.token_to_id("[PAD]"))

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids and mask (q, t), padded to the longest text; what is too long is cut."""
        encoded = self._tokenizer.encode_batch(list(texts))
        return np.array([item.ids for item in encoded]), np.array([item.attention_mask for item in encoded])
