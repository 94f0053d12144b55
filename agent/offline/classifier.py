"""What a sentence asks for, by its embedding: a softmax regression over the exemplars, fitted at start."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.offline.lexicon import read_data

F32 = NDArray[np.float32]


class TextEmbedder(Protocol):
    """Sentences to vectors of unit norm."""

    def encode(self, texts: Sequence[str]) -> F32:
        """q texts -> (q, d) float32."""
        ...


@dataclass(frozen=True)
class Guess:
    """The likeliest intent, how far ahead of the second it is, and how like the nearest exemplar the sentence is."""

    intent: str
    margin: float
    similarity: float
    nearest: tuple[str, ...]


def _expand(template: str, fillers: dict[str, list[str]]) -> list[str]:
    for slot, values in fillers.items():
        if f"{{{slot}}}" in template:
            return [text for value in values for text in _expand(template.replace(f"{{{slot}}}", value), fillers)]
    return [template]


def _fit(x: F32, y: NDArray[np.int64], classes: int, steps: int = 120) -> tuple[F32, F32]:
    """Softmax regression by gradient descent with momentum, every class weighing the same; (d, c) and (c,)."""
    target = np.eye(classes, dtype=np.float32)[y]
    weight = (1 / np.bincount(y, minlength=classes)[y] / classes).astype(np.float32)[:, None]
    w, b = np.zeros((x.shape[1], classes), np.float32), np.zeros(classes, np.float32)
    vw, vb = np.zeros_like(w), np.zeros_like(b)
    for _ in range(steps):
        logits = x @ w + b
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = (p / p.sum(axis=1, keepdims=True) - target) * weight
        vw = 0.9 * vw - 8.0 * (x.T @ error + 2e-4 * w)
        vb = 0.9 * vb - 8.0 * error.sum(axis=0)
        w, b = w + vw, b + vb
    return w, b


class IntentClassifier:
    """Sentence -> Guess. Exemplars and intents come from exemplars.json."""

    def __init__(self, embedder: TextEmbedder):
        data = read_data("exemplars.json")
        self._embedder = embedder
        self.intents: list[str] = list(data["intents"])
        self._suggest: dict[str, str] = data["suggest"]
        rows = [
            (text, number)
            for number, templates in enumerate(data["intents"].values())
            for template in templates
            for text in _expand(template, data["fillers"])
        ]
        self._owner = np.array([number for _, number in rows])
        self._x = embedder.encode([text for text, _ in rows])
        self._w, self._b = _fit(self._x, self._owner, len(self.intents))
        self._guesses: dict[str, Guess] = {}

    def guess(self, sentence: str) -> Guess:
        """Classify one sentence; genes in it should already read GENE and region ids REGION."""
        if sentence not in self._guesses:
            if len(self._guesses) > 512:
                self._guesses.clear()
            self._guesses[sentence] = self._guess(sentence)
        return self._guesses[sentence]

    def _guess(self, sentence: str) -> Guess:
        vector = self._embedder.encode([sentence])[0]
        logits = vector @ self._w + self._b
        p = np.exp(logits - logits.max())
        p /= p.sum()
        similar = self._x @ vector
        order = np.argsort(-p)
        per_intent = np.array([similar[self._owner == number].max() for number in range(len(self.intents))])
        nearest = [self.intents[number] for number in np.argsort(-per_intent)]
        examples = dict.fromkeys(self._suggest[name] for name in nearest if name in self._suggest)
        return Guess(
            intent=self.intents[order[0]],
            margin=float(p[order[0]] - p[order[1]]),
            similarity=float(similar.max()),
            nearest=tuple(examples)[:3],
        )
