"""CLIP (Radford et al. 2021): an image and a causal text tower in one space; files of transformers and open_clip."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.networks.foreign import From, joined
from models.networks.transformer import Block, BlockSpec
from models.networks.vit import VisionTransformer, VitSpec


@dataclass(frozen=True)
class TextSpec:
    """Sizes of a text tower: `positions` is the longest text in tokens."""

    vocabulary: int
    positions: int
    depth: int
    block: BlockSpec


class CausalText(nn.Module):
    """Token ids -> states; every token sees those before it."""

    def __init__(self, spec: TextSpec) -> None:
        super().__init__()
        self.spec = spec
        self.token_embedding = nn.Embedding(spec.vocabulary, spec.block.dim)
        self.positional_embedding = nn.Parameter(torch.zeros(spec.positions, spec.block.dim))
        self.blocks = nn.ModuleList(Block(spec.block) for _ in range(spec.depth))
        self.ln_final = nn.LayerNorm(spec.block.dim, spec.block.epsilon)

    def causal(self, length: int) -> Tensor:
        """(t, t): 0 where a token may look, -inf where not."""
        blocked = torch.full((length, length), -torch.inf, device=self.positional_embedding.device)
        return blocked.triu(1)

    def states(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Embedded tokens (n, t, dim), mask added to attention -> (n, t, dim), before the last norm."""
        x = tokens + self.positional_embedding[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x, mask)
        return x

    def forward(self, ids: Tensor) -> Tensor:
        """(n, t) -> (n, dim): the state at the end of the text, whose token has the highest id."""
        x = self.states(self.token_embedding(ids), self.causal(ids.shape[1]))
        end: Tensor = self.ln_final(x[torch.arange(len(x), device=x.device), ids.argmax(dim=1)])
        return end


class Clip(nn.Module):
    """Both towers with their projections."""

    def __init__(self, image: VitSpec, text: TextSpec, dim: int) -> None:
        super().__init__()
        self.visual = VisionTransformer(image)
        self.visual_projection = nn.Linear(image.dim, dim, bias=False)
        self.text = CausalText(text)
        self.text_projection = nn.Linear(text.block.dim, dim, bias=False)
        self.logit_scale = nn.Parameter(torch.zeros(()))

    def embed_image(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, dim), not of unit norm."""
        out: Tensor = self.visual_projection(self.visual(x)[:, 0])
        return out

    def embed_text(self, ids: Tensor) -> Tensor:
        """(n, t) -> (n, dim), not of unit norm."""
        out: Tensor = self.text_projection(self.text(ids))
        return out


def transformers_names(image: VitSpec, text: TextSpec) -> dict[str, From]:
    """Names in a CLIPModel's file (two of its projections already have ours)."""
    table: dict[str, str | tuple[str, ...]] = {
        "norm1": "layer_norm1",
        "norm2": "layer_norm2",
        "attn.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        "attn.proj": "self_attn.out_proj",
        "mlp.fc1": "mlp.fc1",
        "mlp.fc2": "mlp.fc2",
    }
    names = joined(image.depth, "visual.blocks.{i}", "vision_model.encoder.layers.{i}", table)
    names |= joined(text.depth, "text.blocks.{i}", "text_model.encoder.layers.{i}", table)
    single = {
        "visual.cls_token": "vision_model.embeddings.class_embedding",
        "visual.pos_embed": "vision_model.embeddings.position_embedding.weight",
        "visual.patch_embed.proj.weight": "vision_model.embeddings.patch_embedding.weight",
        "text.token_embedding.weight": "text_model.embeddings.token_embedding.weight",
        "text.positional_embedding": "text_model.embeddings.position_embedding.weight",
    }
    for kind in ("weight", "bias"):
        single |= {
            f"visual.norm_pre.{kind}": f"vision_model.pre_layrnorm.{kind}",
            f"visual.norm.{kind}": f"vision_model.post_layernorm.{kind}",
            f"text.ln_final.{kind}": f"text_model.final_layer_norm.{kind}",
        }
    return names | {own: From((name,)) for own, name in single.items()}


def residual_names(depth: int, own: str, theirs: str) -> dict[str, From]:
    """Names of open_clip's residual attention blocks."""
    table: dict[str, str | tuple[str, ...]] = {
        "norm1": "ln_1",
        "norm2": "ln_2",
        "attn.proj": "attn.out_proj",
        "mlp.fc1": "mlp.c_fc",
        "mlp.fc2": "mlp.c_proj",
    }
    names = joined(depth, own, theirs, table)
    for i in range(depth):
        for kind in ("weight", "bias"):
            names[f"{own.format(i=i)}.attn.qkv.{kind}"] = From((f"{theirs.format(i=i)}.attn.in_proj_{kind}",))
    return names


def open_clip_names(image: VitSpec, text: TextSpec) -> dict[str, From]:
    """Names in an open_clip CLIP's file."""
    names = residual_names(image.depth, "visual.blocks.{i}", "visual.transformer.resblocks.{i}")
    names |= residual_names(text.depth, "text.blocks.{i}", "transformer.resblocks.{i}")
    single = {
        "visual.cls_token": "visual.class_embedding",
        "visual.pos_embed": "visual.positional_embedding",
        "visual.patch_embed.proj.weight": "visual.conv1.weight",
        "text.token_embedding.weight": "token_embedding.weight",
        "text.positional_embedding": "positional_embedding",
    }
    for kind in ("weight", "bias"):
        single |= {
            f"visual.norm_pre.{kind}": f"visual.ln_pre.{kind}",
            f"visual.norm.{kind}": f"visual.ln_post.{kind}",
            f"text.ln_final.{kind}": f"ln_final.{kind}",
        }
    names |= {own: From((name,)) for own, name in single.items()}
    names["visual_projection.weight"] = From(("visual.proj",), transposed=True)
    names["text_projection.weight"] = From(("text_projection",), transposed=True)
    return names
