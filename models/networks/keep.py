"""KEEP's two towers."""

import torch
from torch import Tensor, nn

from models.networks.bert import Bert, BertSpec
from models.networks.foreign import From
from models.networks.vit import VisionTransformer, VitSpec


class Keep(nn.Module):
    """Image: class token of a ViT through two layers. Text: BERT's pooled first token."""

    def __init__(self, image: VitSpec, text: BertSpec, dim: int) -> None:
        super().__init__()
        self.visual = VisionTransformer(image)
        self.visual_head = nn.Sequential(nn.Linear(image.dim, dim), nn.GELU(), nn.Linear(dim, dim))
        self.text = Bert(text)
        self.logit_scale = nn.Parameter(torch.zeros(()))

    def embed_image(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, dim), not of unit norm."""
        out: Tensor = self.visual_head(self.visual(x)[:, 0])
        return out

    def embed_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(n, t) -> (n, dim), not of unit norm."""
        return self.text.pool(self.text(ids, mask))


def keep_names(image: VitSpec) -> dict[str, From]:
    """KEEP calls the factors of its layer scale "weight"."""
    scales = [f"visual.blocks.{i}.ls{k}" for i in range(image.depth) for k in (1, 2)]
    return {f"{name}.gamma": From((f"{name}.weight",)) for name in scales}
