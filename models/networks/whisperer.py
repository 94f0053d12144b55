"""CellWhisperer's towers: ranked genes and text, each through its own projection into one space."""

import torch
from torch import Tensor, nn

from models.networks.bert import Bert, BertSpec
from models.networks.skip_projection import SkipProjection


class Whisperer(nn.Module):
    """Geneformer and BioBERT with their projections; `image_dim` adds SpatialWhisperer's third one."""

    def __init__(self, genes: BertSpec, text: BertSpec, dim: int, image_dim: int | None = None) -> None:
        super().__init__()
        self.geneformer = Bert(genes)
        self.text_model = Bert(text)
        self.transcriptome_block = SkipProjection(genes.dim, dim)
        self.text_block = SkipProjection(text.dim, dim)
        if image_dim is not None:
            self.image_block = SkipProjection(image_dim, dim)
        self.temperature = nn.Parameter(torch.zeros(1))

    def embed_ranks(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Ranked genes (n, t) -> (n, dim): mean over real tokens of the second-to-last layer, projected."""
        states = self.geneformer(ids, mask, skip_last=1)
        weight = mask[..., None].to(states.dtype)
        out: Tensor = self.transcriptome_block((states * weight).sum(dim=1) / weight.sum(dim=1))
        return out

    def embed_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Word pieces (q, t) -> (q, dim): the pooled first token, projected."""
        out: Tensor = self.text_block(self.text_model.pool(self.text_model(ids, mask)))
        return out
