"""The built-in joint space of expression and text: marker knowledge as directions, MiniLM as the way to them."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.card import Card
from models.checkpoint import Arrays, need, read_arrays, read_config
from models.null_phrases import NULL_PHRASES
from models.protocols import F32, Calibration, Rows

if TYPE_CHECKING:
    from models.networks.sentence import SentenceEncoder

CALIBRATION = "calibration.json"  # how scores become probabilities, where it was measured
LEAST_GENES = 200
LEAST_SPOTS = 20
Z_LIMIT = 5.0
MARKED_POWER = 4  # on cosines between a gene and terms: how much the nearest count more
KEPT_TEXTS = 4_000  # codes of texts that are held
ROWS_AT_ONCE = 2048  # of expression that may lie on disk
_FILLER = """
    expression expressed expressing express gene genes of the in high low level levels positive cells
    cell mrna transcript marker markers and with
"""
FILLER = frozenset(_FILLER.split())
ALIASES = {
    "HER2": "ERBB2", "CD8": "CD8A", "CD3": "CD3E", "CD20": "MS4A1", "CD45": "PTPRC", "CD31": "PECAM1", "CD138": "SDC1",
    "KI67": "MKI67", "KI-67": "MKI67", "PD1": "PDCD1", "PD-1": "PDCD1", "PDL1": "CD274", "PD-L1": "CD274", "ER": "ESR1",
    "PR": "PGR", "CK5": "KRT5", "CK14": "KRT14", "CK7": "KRT7", "CK20": "KRT20",
    "SMA": "ACTA2", "P63": "TP63",
    "CD56": "NCAM1", "CD16": "FCGR3A", "CD11B": "ITGAM", "CD11C": "ITGAX", "CD10": "MME", "CD21": "CR2",
}  # fmt: skip


class StarterJoint:
    """Cosines between spots (contrast to their slide) and words, in 256 dimensions."""

    card: ClassVar[Card] = Card(
        name="starter-joint",
        task="joint",
        dim=256,
        license="MIT",
        source="this repository: python app.py train joint (see its card for the collections, MIT and CC BY)",
        summary="Marker collections and reference profiles in one space with MiniLM text.",
        citation="Schaefer et al. 2025 (CellWhisperer, the idea); Reimers and Gurevych 2019 (sentence embeddings)",
        files=("model.safetensors", "config.json", "terms.json"),
    )

    def __init__(self, arrays: Arrays, config: dict[str, Any]) -> None:
        self._a = arrays
        self.logit_scale = float(config["logit_scale"])
        self._sharpness = float(config["sharpness"])
        self._gate = tuple(config["gate"])
        self.genes: tuple[str, ...] = tuple(config["genes"])
        self.terms: tuple[str, ...] = tuple(config["terms"])
        self._calibration: dict[str, Any] = config.get("calibration", {"predictor": "", "scorers": {}})
        self._column = {gene: j for j, gene in enumerate(self.genes)}
        self._row = {plain(term): i for i, term in reversed(list(enumerate(self.terms)))}
        self._sentences: SentenceEncoder | None = None
        self._cache: dict[str, F32] = {}

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "StarterJoint":
        """Read a checkpoint; everything runs on the CPU."""
        config = read_config(folder) | json.loads((folder / "terms.json").read_text())
        for key in ("logit_scale", "sharpness", "gate", "dim", "text_width", "genes", "terms"):
            need(config, key, folder)
        dim, width, genes, terms = config["dim"], config["text_width"], len(config["genes"]), len(config["terms"])
        shapes = {
            "basis": (dim, genes), "gene_scale": (genes,), "gene_mean": (genes,), "text_map": (width, dim),
            "text_mean": (width,), "term_texts": (terms, width), "term_codes": (terms, dim),
        }  # fmt: skip
        if (folder / CALIBRATION).is_file():
            config["calibration"] = json.loads((folder / CALIBRATION).read_text())
        return cls(read_arrays(folder, shapes), config)

    def calibration(self, scorer: str, predictor: str | None) -> Calibration | None:
        """How scores become probabilities, as measured on tissue of held-out patients; None: not measured.

        `scorer` is "measured", "molecular", "image-text" or "fused"; `predictor` made the expression, None is measured.
        """
        found = self._calibration["scorers"].get(scorer)
        if found is None or predictor not in (None, self._calibration["predictor"]):
            return None
        return Calibration(found["temperature"], found["error"])

    def embed_expression(self, x: Rows, genes: Sequence[str]) -> F32:
        """(n, g) log1p CP10K of one slide -> (n, 256) unit rows.

        A spot is described by its contrast to the mean of the given spots, so pass a whole slide. Fewer than 20 spots
        are contrasted with a stored reference mean instead. Genes are divided by a stored SD, and a spot's mean over
        genes is taken out, so that depth does not matter. Raises ValueError with fewer than 200 known genes.
        """
        known = [(self._column[gene], j) for j, gene in enumerate(genes) if gene in self._column]
        if len(known) < LEAST_GENES:
            raise ValueError(
                f"Only {len(known)} of the {len(genes)} genes are known to starter-joint; "
                f"it needs {LEAST_GENES} human gene symbols."
            )
        own, given = (np.array(part) for part in zip(*known, strict=True))
        starts = range(0, len(x), ROWS_AT_ONCE)
        reference = self._a["gene_mean"][own]
        if len(x) >= LEAST_SPOTS:
            sums = [_columns(x, start, given).sum(axis=0, dtype=np.float64) for start in starts]
            reference = np.asarray(np.sum(sums, axis=0) / len(x), np.float32)
        basis, scale = self._a["basis"][:, own].T, self._a["gene_scale"][own]
        embedded = np.empty((len(x), basis.shape[1]), np.float32)
        for start in starts:
            z = np.clip((_columns(x, start, given) - reference) / scale, -Z_LIMIT, Z_LIMIT)
            z -= z.mean(axis=1, keepdims=True)
            embedded[start : start + len(z)] = _unit(z @ basis)
        return embedded

    def encode_text(self, texts: Sequence[str]) -> F32:
        """q texts -> (q, 256) unit rows."""
        if not texts:
            return np.zeros((0, self.card.dim), np.float32)
        codes = {text: code for text in dict.fromkeys(texts) if (code := self._cache.get(text)) is not None}
        new = [text for text in dict.fromkeys(texts) if text not in codes]
        if new:
            for text, vector in zip(new, self._sentence_codes(new), strict=True):
                codes[text] = self._cache[text] = self._with_genes(text, vector)
        for old in list(self._cache)[: max(0, len(self._cache) - KEPT_TEXTS)]:
            self._cache.pop(old, None)
        return np.stack([codes[text] for text in texts])

    def nearest_terms(self, text: str, k: int = 5) -> list[tuple[str, float]]:
        """The k known terms that mean nearly the same, with the cosine of their sentences; a gene is known."""
        columns, others = self._symbols(text)
        named = [] if others else [(self.genes[j], 1.0) for j in dict.fromkeys(columns)]
        similarity = self._a["term_texts"] @ self._embed([plain(text)])[0]
        order = np.argsort(-similarity, kind="stable")[:k]
        return (named + [(self.terms[i], float(min(similarity[i], 1.0))) for i in order])[:k]

    def null_texts(self) -> tuple[str, ...]:
        """Phrases that have nothing to do with tissue, for calibrating a score."""
        return NULL_PHRASES

    def _embed(self, texts: Sequence[str]) -> F32:
        if self._sentences is None:
            from models.networks.sentence import SentenceEncoder

            self._sentences = SentenceEncoder()
        return self._sentences.encode(texts)

    def _sentence_codes(self, texts: Sequence[str]) -> F32:
        """Linear map for what is new, the codes of similar terms for what is near them."""
        cleaned = [plain(text) for text in texts]
        embedded = self._embed(cleaned)
        linear = _unit((embedded - self._a["text_mean"]) @ self._a["text_map"])
        similarity = embedded @ self._a["term_texts"].T
        attention = np.exp(self._sharpness * (similarity - similarity.max(axis=1, keepdims=True)))
        near = _unit(attention @ self._a["term_codes"])
        middle, width = self._gate
        trust = 1 / (1 + np.exp(-(similarity.max(axis=1, keepdims=True) - middle) / width))
        codes = _unit(trust * near + (1 - trust) * linear)
        for i, text in enumerate(cleaned):
            if text in self._row:
                codes[i] = self._a["term_codes"][self._row[text]]
        return _unit(codes)

    def _with_genes(self, text: str, code: F32) -> F32:
        """Gene symbols in a text point at their genes and what these mark; beside symbols and filler nothing does."""
        columns, others = self._symbols(text)
        if not columns:
            return code
        own = _unit(self._a["basis"][:, columns].sum(axis=1)[None])[0]
        # What the gene stands for: rare transcripts (CD19, FOXP3) are seldom counted, the terms that they mark are.
        marked = np.maximum(self._a["term_codes"] @ own, 0) ** MARKED_POWER @ self._a["term_codes"]
        direction = _unit((own + _unit(marked[None])[0])[None])[0]
        return np.asarray(_unit((direction + code)[None])[0] if others else direction)

    def _symbols(self, text: str) -> tuple[list[int], list[str]]:
        """Columns of the genes that a text names (none in a known term), and words that are no gene and no filler."""
        if plain(text) in self._row:
            return [], []
        words = re.findall(r"[A-Za-z0-9][A-Za-z0-9.-]+", text)
        columns = [self._gene(word, alone=len(words) == 1) for word in words]
        others = [w for w, j in zip(words, columns, strict=True) if j is None and w.lower() not in FILLER]
        return [j for j in columns if j is not None], others

    def _gene(self, word: str, *, alone: bool) -> int | None:
        """Column of a symbol or a common protein name; lower case counts only with a digit or for a lone word."""
        name = word.upper() if alone or any(c.isdigit() for c in word) else word
        return self._column.get(ALIASES.get(name, name))


def plain(text: str) -> str:
    """Lower case, single blanks, no punctuation at the ends."""
    return re.sub(r"\s+", " ", text).strip(" .?!,;:\"'").lower()


def _columns(x: Rows, start: int, columns: NDArray[np.int64]) -> F32:
    """Some genes of the rows from `start` on."""
    return np.asarray(x[start : start + ROWS_AT_ONCE], np.float32)[:, columns]


def _unit(rows: F32) -> F32:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)
