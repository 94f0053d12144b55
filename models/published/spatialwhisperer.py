"""SpatialWhisperer (the paper's successor): image, transcriptome and text in one space of 2,048 dimensions."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.card import Card, ModelUnavailable
from models.protocols import F32, TilePlan
from models.published.cellwhisperer import SIDE_FILES, CellWhisperer, load_whisperer
from models.published.rank_encoding import GeneTokens, read_tokens
from models.published.wordpiece import WordPieces

if TYPE_CHECKING:
    from models.networks.whisperer import Whisperer

FILES = ("model.safetensors", "config.json", "genes.csv", "tokenizer/vocab.txt")
LICENSE = "CC-BY-NC-4.0"
SOURCE = "https://huggingface.co/Good-Lab/spatialwhisperer"
CITATION = "Schaefer et al. 2026 (SpatialWhisperer)"
OBTAIN = (
    f"into one FOLDER: `hf download Good-Lab/spatialwhisperer --local-dir FOLDER`; {SIDE_FILES}; then "
    "`python app.py models convert spatialwhisperer FOLDER`; it writes {folder}"
)


class SpatialWhisperer(CellWhisperer):
    """Its transcriptome and text sides: a joint model over inferred or measured expression."""

    card: ClassVar[Card] = Card(
        name="spatialwhisperer",
        task="joint",
        dim=2048,
        license=LICENSE,
        source=SOURCE,
        summary="SpatialWhisperer's transcriptome side (Geneformer-12L-30M) and text side (BioBERT).",
        citation=CITATION,
        files=FILES,
        obtain=OBTAIN,
        ranks_genes=True,
    )


class SpatialWhispererImage(CellWhisperer):
    """Its image and text sides: tile embeddings of UNI2-h, which lies beside it, through the image projection."""

    card: ClassVar[Card] = Card(
        name="spatialwhisperer-image",
        task="image-text",
        dim=2048,
        license=f"{LICENSE}; UNI2-h CC-BY-NC-ND-4.0",
        source=SOURCE,
        summary="SpatialWhisperer's image side (UNI2-h) and text side (BioBERT).",
        citation=CITATION,
        gated=True,
        input_px=224,
        input_um=112.0,
        files=FILES,
        obtain=OBTAIN + "; its image side is uni2-h",
        home="spatialwhisperer",
    )
    encoder = "uni2-h"
    plan = TilePlan(tile_um=112.0, tile_px=224, sub_grid=0)

    def __init__(self, net: "Whisperer", genes: GeneTokens, words: WordPieces, where: tuple[str, Path]) -> None:
        super().__init__(net, genes, words, where[0])
        self._where = where

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "SpatialWhispererImage":
        """Read a converted folder, strictly; UNI2-h is read when an image comes."""
        net, words = load_whisperer(folder)
        if not hasattr(net, "image_block"):
            raise ModelUnavailable(f"{folder} has no image projection: it is CellWhisperer's, not SpatialWhisperer's.")
        return cls(net, read_tokens(folder / "genes.csv"), words, (device, folder.parent))

    def encode_image(self, tiles: NDArray[np.uint8]) -> F32:
        """(n, h, w, 3) uint8 RGB at 0.5 um/px, h = w -> (n, 1536) of UNI2-h."""
        from models.registry import load

        found: F32 = load(self.encoder, *self._where).encode_image(tiles)
        return found

    def project_image(self, embeddings: F32) -> F32:
        """(n, 1536) tile embeddings of UNI2-h -> (n, 2048), rows of unit norm."""
        import torch

        if not len(embeddings):
            return np.zeros((0, self.card.dim), np.float32)
        with torch.inference_mode():
            rows = torch.from_numpy(np.ascontiguousarray(embeddings, np.float32)).to(self._device)
            found: F32 = self._net.image_block(rows).cpu().numpy()
        return found
