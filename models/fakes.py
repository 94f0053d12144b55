"""Tiny deterministic models for tests and for looking at the page: numpy only, no weight files.

They know one thing: haematoxylin-rich tissue is epithelium, eosin-rich tissue is stroma, spotted tissue is immune,
pale tissue is fat.
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.card import Card
from models.protocols import F32, Rows, TilePlan


def _lists(named: dict[str, str]) -> dict[str, list[str]]:
    return {name: text.split() for name, text in named.items()}


PROGRAMMES = _lists(
    {
        "epithelium": "KRT5 KRT14 EPCAM KRT1 KRT10 KRT17 KRT8 KRT18 KRT19 CDH1 DSP PERP SFN KRT6A KRT15",
        "stroma": "COL1A1 COL1A2 COL3A1 DCN LUM FN1 SPARC VIM ACTA2 TAGLN FBLN1 POSTN THY1 PDGFRB MMP2",
        "immune": "PTPRC CD3D CD3E CD8A CD4 MS4A1 CD19 CD79A LTB IL7R CD68 LYZ IGKC NKG7 CXCL13",
        "fat": "ADIPOQ PLIN1 FABP4 LEP PLIN4 CIDEC",
        "other": "ACTB GAPDH B2M RPLP0 MKI67 TOP2A PECAM1 VWF CA9",
    }
)
WORDS = _lists(
    {
        "epithelium": "epithelium epithelial epidermis keratinocytes skin carcinoma tumour tumor cancer gland",
        "stroma": "stroma stromal collagen fibroblast fibroblasts dermis connective matrix",
        "immune": "immune lymphocyte lymphocytes t cd8 b plasma macrophage infiltrate tertiary lymphoid",
        "fat": "fat adipose adipocyte adipocytes",
    }
)
GENES = tuple(gene for genes in PROGRAMMES.values() for gene in genes)
_PROGRAMME_OF = {gene: name for name, genes in PROGRAMMES.items() for gene in genes}


def _seeded(text: str, size: int) -> NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).standard_normal(size)


def _unit(rows: NDArray[np.float64]) -> F32:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class FakeEncoder:
    """Colour statistics of a tile: mean and spread of optical density, share of background."""

    card: ClassVar[Card] = Card(
        name="fake-encoder",
        task="image-encoder",
        dim=8,
        license="MIT",
        source="this repository",
        summary="Colour statistics, for tests.",
        input_px=64,
        input_um=112.0,
        files=(),
    )

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "FakeEncoder":
        """Nothing is read."""
        return cls()

    def encode_image(self, tiles: NDArray[np.uint8]) -> F32:
        """(n, h, w, 3) uint8 RGB -> (n, 8): mean OD r, g, b; SD of OD r, g, b; haematoxylin-dark share; pale share."""
        pixels = tiles.reshape(len(tiles), tiles.shape[1] * tiles.shape[2], 3)
        density = -np.log((pixels.astype(np.float32) + 1.0) / 256.0)
        dark = (density[..., 0] > 0.8).mean(axis=1)
        pale = (density.mean(axis=2) < 0.15).mean(axis=1)
        parts = [density.mean(axis=1), density.std(axis=1), dark[:, None], pale[:, None]]
        return np.concatenate(parts, axis=1).astype(np.float32)


class FakePredictor:
    """Programmes of genes from colour statistics; neighbours count a little."""

    card: ClassVar[Card] = Card(
        name="fake-predictor",
        task="expression-predictor",
        dim=len(GENES),
        license="MIT",
        source="this repository",
        summary="A fixed map from colour to 60 genes, for tests.",
        organs=("any",),
        files=(),
    )
    encoder = "fake-encoder"
    plan = TilePlan(tile_um=112.0, tile_px=64, sub_grid=2, neighbour_um=200.0)
    genes = GENES
    ensembl_ids = ("",) * len(GENES)
    reliability: F32 = np.linspace(0.1, 0.6, len(GENES), dtype=np.float32)

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "FakePredictor":
        """Nothing is read."""
        return cls()

    def predict_expression(self, embeddings: F32, neighbours: NDArray[np.int64]) -> F32:
        """(n, 5, 8) and (n, m) -> (n, g), >= 0."""
        own = 0.6 * embeddings[:, 0] + 0.3 * embeddings[:, 1:].mean(axis=1)
        present = neighbours >= 0
        around = embeddings[np.where(present, neighbours, 0), 0] * present[..., None]
        count = np.maximum(present.sum(axis=1, keepdims=True), 1)
        features = (own + 0.1 * around.sum(axis=1) / count).astype(np.float64)
        od_r, od_g, sd_r, pale = features[:, 0], features[:, 1], features[:, 3], features[:, 7]
        level = {
            "epithelium": 2.5 * od_r,
            "stroma": 3.0 * np.clip(od_g - od_r, 0, None) + 0.5 * (1 - pale),
            "immune": 1.5 * sd_r,
            "fat": 1.5 * pale,
            "other": 0.5 * od_g,
        }
        columns = [level[_PROGRAMME_OF[gene]] * (0.7 + 0.1 * abs(_seeded(gene, 1)[0])) for gene in GENES]
        return np.clip(np.stack(columns, axis=1), 0, None).astype(np.float32)


class FakeJoint:
    """One axis per known gene; words point at the genes of their programme, unknown words at random."""

    card: ClassVar[Card] = Card(
        name="fake-joint",
        task="joint",
        dim=len(GENES),
        license="MIT",
        source="this repository",
        summary="Marker words to marker genes, for tests.",
        files=(),
    )
    logit_scale = 10.0

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "FakeJoint":
        """Nothing is read."""
        return cls()

    def embed_expression(self, x: Rows, genes: Sequence[str]) -> F32:
        """(n, g) log1p CP10K -> (n, 60) unit norm: standardised genes, centred over the given spots."""
        column = {gene: j for j, gene in enumerate(genes)}
        known = [(i, column[gene]) for i, gene in enumerate(GENES) if gene in column]
        if not known:
            raise ValueError(f"None of the {len(genes)} genes is among the {len(GENES)} that fake-joint knows.")
        rows = np.zeros((len(x), len(GENES)))
        into, source = zip(*known, strict=True)
        part = x[0 : len(x)][:, list(source)].astype(np.float64)
        centred = part - part.mean(axis=0) if len(x) > 1 else part - part.mean()
        rows[:, list(into)] = centred / (part.std(axis=0) + 0.1)
        return _unit(rows + 1e-3)

    def encode_text(self, texts: Sequence[str]) -> F32:
        """q texts -> (q, 60) unit norm."""
        return _unit(np.stack([self._text(text) for text in texts])) if texts else np.zeros((0, len(GENES)), np.float32)

    def _text(self, text: str) -> NDArray[np.float64]:
        row = 0.05 * _seeded(text, len(GENES))
        for word in re.findall(r"[a-z0-9]+", text.lower()):
            programmes = [name for name, words in WORDS.items() if word in words]
            row += [float(_PROGRAMME_OF[gene] in programmes or gene.lower() == word) for gene in GENES]
        return row

    def null_texts(self) -> tuple[str, ...]:
        """Unrelated phrases against which a score can be calibrated."""
        return tuple(f"unrelated phrase number {number}" for number in range(150))

    def nearest_terms(self, text: str, k: int = 5) -> list[tuple[str, float]]:
        """The k known words nearest to `text`, with cosine similarity."""
        terms = sorted(word for words in WORDS.values() for word in words)
        similarity = self.encode_text(terms) @ self.encode_text([text])[0]
        order = np.argsort(-similarity, kind="stable")[:k]
        return [(terms[i], float(similarity[i])) for i in order]


class FakeImageText:
    """Colour statistics against words: one axis per programme, from the colours that FakeEncoder measures."""

    card: ClassVar[Card] = Card(
        name="fake-image-text",
        task="image-text",
        dim=4,
        license="MIT",
        source="this repository",
        summary="Words to colours, for tests.",
        input_px=64,
        input_um=112.0,
        files=(),
    )
    encoder = "fake-encoder"
    plan = TilePlan(tile_um=111.0, tile_px=64, sub_grid=0)  # tiles that no other fake cuts: encoded on demand
    logit_scale = 10.0

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "FakeImageText":
        """Nothing is read."""
        return cls()

    def encode_image(self, tiles: NDArray[np.uint8]) -> F32:
        """(n, h, w, 3) uint8 RGB -> (n, 8) colour statistics."""
        return FakeEncoder().encode_image(tiles)

    def project_image(self, embeddings: F32) -> F32:
        """(n, 8) of one slide -> (n, 4) unit norm: epithelium, stroma, immune, fat, against the slide's mean."""
        od_r, od_g, sd_r, pale = embeddings.astype(np.float64)[:, [0, 1, 3, 7]].T
        axes = np.stack([od_r, np.clip(od_g - od_r, 0, None), 0.5 * sd_r, 0.5 * pale], axis=1)
        return _unit(axes - axes.mean(axis=0) + 1e-3)

    def encode_text(self, texts: Sequence[str]) -> F32:
        """q texts -> (q, 4) unit norm."""
        rows = [0.05 * _seeded(text, len(WORDS)) + self._hits(text) for text in texts]
        return _unit(np.stack(rows)) if rows else np.zeros((0, len(WORDS)), np.float32)

    def _hits(self, text: str) -> NDArray[np.float64]:
        words = set(re.findall(r"[a-z0-9]+", text.lower()))
        return np.array([float(bool(words & set(known))) for known in WORDS.values()])
