"""DeepSpot-M (Nonchev et al. 2026) for inference: adapted patches of Midnight, asked by one query per gene."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.networks.dinov2 import dinov2_names
from models.networks.foreign import From, count_blocks, fill, read_tensors, shape_of
from models.networks.vit import VisionTransformer, VitSpec

HEADS, HEAD_DIM = 8, 64  # attention heads of the decoder; width of a head in the backbone
LORA_SCALE = 2.0  # alpha over rank
MODALITIES = ("evo2", "orthrus", "prott5", "scgpt", "apertus")  # sources, in the order of their modality's vector
BACKBONE = "backbone.base_model.model.model."
DECODER = "gene_decoder."


class GeneLayer(nn.Module):
    """Queries look at patches; post-norm."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.cross_attn = nn.MultiheadAttention(dim, HEADS, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        parts = (nn.Linear(dim, 4 * dim), nn.GELU(), nn.Identity(), nn.Linear(4 * dim, dim))
        self.ffn = nn.Sequential(*parts)

    def forward(self, queries: Tensor, patches: Tensor) -> Tensor:
        """(n, g, dim), (n, p, dim) -> (n, g, dim)."""
        queries = self.norm1(queries + self.cross_attn(queries, patches, patches, need_weights=False)[0])
        out: Tensor = self.norm2(queries + self.ffn(queries))
        return out


class GeneDecoder(nn.Module):
    """Patches to expression; gene embeddings (`bio`, of one source) make the queries and the output weights."""

    def __init__(self, patch_dim: int, genes: tuple[int, int], layers: int, dim: int, router: int) -> None:
        super().__init__()
        count, width = genes
        self.patch_proj = nn.Linear(patch_dim, dim)
        self.layers = nn.ModuleList(GeneLayer(dim) for _ in range(layers))
        self.bio = nn.Parameter(torch.zeros(count, width))
        self.adapter = nn.Sequential(nn.Linear(width, dim), nn.LayerNorm(dim))
        self.modality_emb = nn.Parameter(torch.zeros(len(MODALITIES), dim))
        self.weight_net = nn.Sequential(nn.Linear(width, router), nn.GELU(), nn.Linear(router, dim))
        self.bias_net = nn.Sequential(nn.Linear(width, router), nn.GELU(), nn.Linear(router, 1))

    def forward(self, patches: Tensor, modality: int) -> Tensor:
        """(n, p, patch_dim) -> (n, genes)."""
        keys = self.patch_proj(patches)
        queries = (self.adapter(self.bio) + self.modality_emb[modality]).expand(len(keys), -1, -1)
        for layer in self.layers:
            queries = layer(queries, keys)
        expression = torch.einsum("ngd,gd->ng", queries, self.weight_net(self.bio))
        out: Tensor = expression + self.bias_net(self.bio)[:, 0]
        return out


class DeepSpotMNet(nn.Module):
    """Backbone and decoder, for one source of gene embeddings."""

    def __init__(self, backbone: VisionTransformer, decoder: GeneDecoder, source: str) -> None:
        super().__init__()
        self.backbone, self.decoder = backbone, decoder
        self._modality = MODALITIES.index(source)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) normalised -> (n, genes)."""
        out: Tensor = self.decoder(self.backbone(x)[:, self.backbone.spec.prefix :], self._modality)
        return out


def load_deepspot_m(path: Path, source: str, image_px: int) -> DeepSpotMNet:
    """Read model.safetensors, strictly; sizes are those of its tensors."""
    tensors = read_tensors(path)
    merged = merge_adapters(tensors)
    dim, _, patch, _ = shape_of(merged, "embeddings.patch_embeddings.projection.weight", path, 4)
    positions = shape_of(merged, "embeddings.position_embeddings", path, 3)[1]
    hidden, _ = shape_of(merged, "encoder.layer.0.mlp.weights_in.weight", path, 2)
    depth = count_blocks(merged, "encoder.layer.")
    stored_px = patch * round((positions - 1) ** 0.5)
    spec = VitSpec(patch, dim, depth, dim // HEAD_DIM, hidden, image=stored_px, packed=True, activation="silu")
    backbone = fill(VisionTransformer(spec), merged, path, dinov2_names(spec), [r"embeddings\.mask_token"])
    backbone.resample_positions(image_px, "bicubic")
    rest = {name.removeprefix(DECODER): value for name, value in tensors.items() if not name.startswith(BACKBONE)}
    genes, width = shape_of(rest, f"multi_source.bio_{source}", path, 2)
    joint, _ = shape_of(rest, "patch_proj.weight", path, 2)
    router, _ = shape_of(rest, f"routers.{source}.weight_net.0.weight", path, 2)
    decoder = GeneDecoder(dim, (genes, width), count_blocks(rest, "layers."), joint, router)
    others = rf"(multi_source\.bio_|multi_source\.adapters\.|routers\.)(?!{source}\b).*"
    return DeepSpotMNet(backbone, fill(decoder, rest, path, _names(decoder, source), [others]), source).eval()


def _names(decoder: GeneDecoder, source: str) -> dict[str, From]:
    """Names in the published file, for one source of gene embeddings."""
    stems = {
        "bio": f"multi_source.bio_{source}",
        "modality_emb": "multi_source.modality_emb",
        "adapter": f"multi_source.adapters.{source}",
        "weight_net": f"routers.{source}.weight_net",
        "bias_net": f"routers.{source}.bias_net",
    }
    names = {}
    for name in decoder.state_dict():
        stem, dot, rest = name.partition(".")
        names[name] = From((f"{stems.get(stem, stem)}{dot}{rest}",))
    return names


def merge_adapters(tensors: Mapping[str, Any], scale: float = LORA_SCALE) -> dict[str, Any]:
    """Backbone tensors under Dinov2's names, each low-rank adapter added to the matrix that it adapts.

    W x + scale B (A x) = (W + scale B A) x: the same function, computed in float64 once. A matrix without an adapter
    that fits, or an adapter without its matrix, keeps its published name, by which `fill` reports it.
    """
    found = {name.removeprefix(BACKBONE): value for name, value in tensors.items() if name.startswith(BACKBONE)}
    for name in [name for name in found if name.endswith(".base_layer.weight")]:
        stem = name.removesuffix(".base_layer.weight")
        down, up = (found.get(f"{stem}.lora_{side}.default.weight") for side in "AB")
        shape = () if down is None or up is None else (len(up), *down.shape[1:])
        if shape == tuple(found[name].shape):
            added = np.asarray(up, np.float64) @ np.asarray(down, np.float64) * scale
            found[name] = torch.from_numpy((np.asarray(found[name], np.float64) + added).astype(np.float32))
            for side in "AB":
                del found[f"{stem}.lora_{side}.default.weight"]
            for kind in ("weight", "bias"):
                if f"{stem}.base_layer.{kind}" in found:
                    found[f"{stem}.{kind}"] = found.pop(f"{stem}.base_layer.{kind}")
    return found
