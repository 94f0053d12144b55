"""CONCH's two encoders (a CoCa without its caption decoder)."""

import torch
from torch import Tensor, nn

from models.networks.attention_pool import AttentionPool
from models.networks.clip import CausalText, TextSpec, residual_names
from models.networks.foreign import From
from models.networks.vit import VisionTransformer, VitSpec

POOL_HEADS = 8
PAD = 0


class Conch(nn.Module):
    """Image: one learned query over the tokens of a ViT. Text: a class token behind the words."""

    def __init__(self, image: VitSpec, text: TextSpec, dim: int) -> None:
        super().__init__()
        self.trunk = VisionTransformer(image)
        self.attn_pool_contrast = AttentionPool(dim, image.dim, POOL_HEADS, 1)
        self.ln_contrast = nn.LayerNorm(dim)
        self.proj_contrast = nn.Parameter(torch.zeros(dim, dim))
        self.text = CausalText(text)
        self.cls_emb = nn.Parameter(torch.zeros(text.block.dim))
        self.text_projection = nn.Parameter(torch.zeros(text.block.dim, dim))
        self.logit_scale = nn.Parameter(torch.zeros(()))

    def embed_image(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, dim), not of unit norm."""
        pooled = self.ln_contrast(self.attn_pool_contrast(self.trunk(x))[:, 0])
        return pooled @ self.proj_contrast

    def embed_text(self, ids: Tensor) -> Tensor:
        """(n, t) padded with 0 -> (n, dim), not of unit norm.

        The class token is the last one. Which tokens it sees is published one place off: column j + 1 is open where
        word j is no padding, and column 0 always.
        """
        n, length = ids.shape
        tokens = torch.cat([self.text.token_embedding(ids), self.cls_emb.expand(n, 1, -1)], dim=1)
        mask = self.text.causal(length + 1).repeat(n, 1, 1, 1)
        mask[:, 0, -1, 1:].masked_fill_(ids == PAD, -torch.inf)
        last = self.text.ln_final(self.text.states(tokens, mask)[:, -1])
        out: Tensor = last @ self.text_projection
        return out


def conch_names(image: VitSpec, text: TextSpec) -> dict[str, From]:
    """Names in CONCH's file."""
    own = Conch(image, text, POOL_HEADS).state_dict()
    names = {
        name: From((f"visual.{name}",)) for name in own if name.startswith(("trunk.", "attn_pool", "ln_c", "proj_c"))
    }
    names |= residual_names(text.depth, "text.blocks.{i}", "text.transformer.resblocks.{i}")
    return names | {name: From((f"text.{name}",)) for name in ("cls_emb", "text_projection")}
