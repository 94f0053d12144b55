"""The built-in image-text model: evidence for tissues and nuclei as directions in the text space of starter-joint."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.card import WEIGHTS, Card, ModelUnavailable
from models.checkpoint import need, read_config
from models.protocols import F32, TilePlan
from models.starter_encoder import TISSUES, StarterEncoder
from models.starter_joint import StarterJoint

LEAST_SPOTS = 20  # fewer are not contrasted with their own mean
LEAST_GAIN = 0.02  # of a scorer that was no better than chance
FINE_UM = 0.5  # um/px at which the encoder learned
NEARNESS = 5.0  # on cosines between a query and the labels with known reliability


class StarterImageText:
    """Cosines between what the encoder's tissue classes say of a tile and words; no gene on the way.

    The tissues that speak for a tile, against the mean of its slide, are added up as the words that name them, and so
    are the kinds of nuclei that they make likely. Nothing was fitted on expression, so nothing of the sections that
    taught starter-deepspot is known to it.
    """

    card: ClassVar[Card] = Card(
        name="starter-image-text",
        task="image-text",
        dim=StarterJoint.card.dim,
        license="MIT",
        source="this repository: words for the tissue classes of starter-encoder",
        summary="Tissue classes of the image encoder, and nuclei that they tell of, as words in starter-joint's space.",
        citation="Kather et al. 2019 (NCT-CRC-HE); Graham et al. 2019 (CoNSeP); Radford et al. 2021 (zero-shot)",
        input_px=224,
        input_um=112.0,
        organs=("colon",),
        files=("config.json",),
    )
    encoder = StarterEncoder.card.name
    plan = TilePlan(tile_um=112.0, tile_px=224, sub_grid=0)

    def __init__(
        self, joint: StarterJoint, config: dict[str, Any], load_encoder: Callable[[], StarterEncoder] | None = None
    ) -> None:
        self._joint, self._load_encoder = joint, load_encoder
        self.logit_scale = joint.logit_scale
        tissues = np.stack([self._code(config["phrases"][tissue]) for tissue in TISSUES])
        nuclei = np.stack([self._code(kind["phrases"]) for kind in config["nuclei"].values()])
        weights = np.array([kind["weights"] for kind in config["nuclei"].values()], np.float32)
        self._codes = tissues + weights.T @ nuclei
        self._reliability: dict[str, dict[str, tuple[float, float]]] = config["reliability"]

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "StarterImageText":
        """Read the words; starter-joint and starter-encoder come from beside this folder, else built in."""
        config = read_config(folder)
        for tissue in TISSUES:
            need(need(config, "phrases", folder), tissue, folder)
        need(config, "reliability", folder)
        for kind in need(config, "nuclei", folder).values():
            if len(need(kind, "weights", folder)) != len(TISSUES):
                raise ModelUnavailable(f"{folder / 'config.json'}: nuclei want one weight for each of {len(TISSUES)}.")
        joint = StarterJoint.load(_beside(folder, StarterJoint.card), device)
        encoder = partial(StarterEncoder.load, _beside(folder, StarterEncoder.card), device)
        return cls(joint, config, encoder)

    def encode_image(self, tiles: NDArray[np.uint8]) -> F32:
        """(n, h, w, 3) uint8 RGB at 0.5 um/px -> (n, 73), by starter-encoder, which is loaded with the first call."""
        return self._encoder.encode_image(tiles)

    @cached_property
    def _encoder(self) -> StarterEncoder:
        if self._load_encoder is None:
            raise ModelUnavailable(f"This {self.card.name} was made without an encoder; give it embeddings.")
        return self._load_encoder()

    def project_image(self, embeddings: F32) -> F32:
        """(n, 73) tile embeddings of one whole slide, as starter-encoder gives them -> (n, 256) unit rows.

        Fewer than 20 tiles are taken as they are, not against their mean.
        """
        evidence = np.asarray(embeddings, np.float32)[:, -len(TISSUES) :]
        if len(evidence) >= LEAST_SPOTS:
            evidence = evidence - evidence.mean(axis=0)
        return _unit(evidence @ self._codes)

    def encode_text(self, texts: Sequence[str]) -> F32:
        """q texts -> (q, 256) unit rows, as starter-joint encodes them."""
        found: F32 = self._joint.encode_text(texts)
        return found

    def share(self, query: str, um_per_px: float = FINE_UM) -> float:
        """How much this model counts beside the molecular score for a query, in [0, 1].

        By how much each was better than chance (AUROC - 0.5) on tissue that nothing was fitted on, for the labels whose
        words are near the query, at the resolution nearest to the slide's `um_per_px`.
        """
        measured = min(self._reliability, key=lambda um: abs(np.log(float(um) / um_per_px)))
        labels = self._reliability[measured]
        gains = np.maximum(np.array(list(labels.values())) - 0.5, LEAST_GAIN)
        near = self._joint.encode_text(list(labels)) @ self._joint.encode_text([query])[0]
        weights = np.exp(NEARNESS * (near - near.max()))
        return float(weights @ (gains[:, 1] / gains.sum(axis=1)) / weights.sum())

    def _code(self, phrases: Sequence[str]) -> F32:
        """Mean direction of some phrases; none at all says nothing."""
        if not phrases:
            return np.zeros(self.card.dim, np.float32)
        code: F32 = _unit(self._joint.encode_text(phrases).mean(axis=0, keepdims=True))[0]
        return code


def _beside(folder: Path, card: Card) -> Path:
    found = folder.parent / card.name
    return found if found.is_dir() else WEIGHTS / card.name


def _unit(rows: F32) -> F32:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)
