"""Folders of transformers' Dinov2Model and ViTModel: their sizes and the names of their tensors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.checkpoint import need
from models.networks.foreign import From, joined
from models.networks.vit import VitSpec


def dinov2_spec(config: Mapping[str, Any], folder: Path) -> VitSpec:
    """Sizes of a Dinov2Model, with plain or gated MLPs."""
    dim, ratio = (int(need(config, key, folder)) for key in ("hidden_size", "mlp_ratio"))
    packed = bool(config.get("use_swiglu_ffn", False))
    half = (int(dim * ratio * 2 / 3) + 7) // 8 * 8  # of a gated MLP: width of gate and of value
    return VitSpec(
        need(config, "patch_size", folder),
        dim,
        need(config, "num_hidden_layers", folder),
        need(config, "num_attention_heads", folder),
        2 * half if packed else dim * ratio,
        image=need(config, "image_size", folder),
        packed=packed,
        activation="silu" if packed else str(config.get("hidden_act", "gelu")),
        epsilon=float(config.get("layer_norm_eps", 1e-6)),
    )


def dinov2_names(spec: VitSpec) -> dict[str, From]:
    """Names in a Dinov2Model's file."""
    first, second = ("weights_in", "weights_out") if spec.packed else ("fc1", "fc2")
    attention = tuple(f"attention.attention.{part}" for part in ("query", "key", "value"))
    table: dict[str, str | tuple[str, ...]] = {
        "norm1": "norm1",
        "norm2": "norm2",
        "attn.qkv": attention,
        "attn.proj": "attention.output.dense",
        "mlp.fc1": f"mlp.{first}",
        "mlp.fc2": f"mlp.{second}",
    }
    names = joined(spec.depth, "blocks.{i}", "encoder.layer.{i}", table)
    for i in range(spec.depth):
        for scale in (1, 2):
            names[f"blocks.{i}.ls{scale}.gamma"] = From((f"encoder.layer.{i}.layer_scale{scale}.lambda1",))
    return names | _outside()


def vit_spec(config: Mapping[str, Any], folder: Path) -> VitSpec:
    """Sizes of a ViTModel."""
    return VitSpec(
        need(config, "patch_size", folder),
        need(config, "hidden_size", folder),
        need(config, "num_hidden_layers", folder),
        need(config, "num_attention_heads", folder),
        need(config, "intermediate_size", folder),
        image=need(config, "image_size", folder),
        activation=str(config.get("hidden_act", "gelu")),
        scaled=False,
        epsilon=float(config.get("layer_norm_eps", 1e-12)),
    )


def vit_names(spec: VitSpec) -> dict[str, From]:
    """Names in a ViTModel's file."""
    attention = tuple(f"attention.attention.{part}" for part in ("query", "key", "value"))
    table: dict[str, str | tuple[str, ...]] = {
        "norm1": "layernorm_before",
        "norm2": "layernorm_after",
        "attn.qkv": attention,
        "attn.proj": "attention.output.dense",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
    }
    return joined(spec.depth, "blocks.{i}", "encoder.layer.{i}", table) | _outside()


def _outside() -> dict[str, From]:
    names = {
        "cls_token": "embeddings.cls_token",
        "pos_embed": "embeddings.position_embeddings",
        "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
        "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
        "norm.weight": "layernorm.weight",
        "norm.bias": "layernorm.bias",
    }
    return {own: From((name,)) for own, name in names.items()}
