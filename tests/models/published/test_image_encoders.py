"""The published image encoders, tiny, with random weights in published folders, against timm and transformers."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from models.card import ModelUnavailable
from models.networks.pixels import CLIP, H_OPTIMUS, IMAGENET, Pixels
from models.published.h_optimus import H0Mini, HOptimus0
from models.published.midnight import Midnight
from models.published.phikon import Phikon, PhikonV2
from models.published.uni import Uni, Uni2
from models.published.virchow2 import Virchow2
from models.published.vit_encoder import VitEncoder
from tests.models.published.conftest import randomise

TINY = {"depth": 2, "num_heads": 4, "embed_dim": 48}


def timm_models(timm: ModuleType) -> dict[type[VitEncoder], tuple[str, dict[str, Any]]]:
    """Each by the constructor of its model card."""
    gated = {"mlp_layer": timm.layers.SwiGLUPacked, "act_layer": nn.SiLU}
    dino = {"img_size": 224, "init_values": 1e-5, "num_classes": 0}
    uni2 = {"no_embed_class": True, "reg_tokens": 8, "mlp_ratio": 2.66667 * 2, "patch_size": 14}
    uni2 |= {"depth": 24, "num_heads": 24, "embed_dim": 1536}
    return {
        HOptimus0: ("vit_giant_patch14_reg4_dinov2", dino),
        H0Mini: ("vit_base_patch14_reg4_dinov2", dino | gated | {"mlp_ratio": 5.33334, "global_pool": ""}),
        Uni: ("vit_large_patch16_224", dino | {"dynamic_img_size": True}),
        Uni2: ("vit_giant_patch14_224", dino | gated | uni2 | {"dynamic_img_size": True}),
        Virchow2: ("vit_huge_patch14_224", dino | gated | {"reg_tokens": 4, "mlp_ratio": 5.3375, "global_pool": ""}),
    }


def write(folder: Path, model: nn.Module, config: dict[str, Any], name: str) -> None:
    state = {key: value.contiguous().clone() for key, value in model.state_dict().items()}
    if name.endswith(".bin"):
        torch.save(state, folder / name)
    else:
        save_file(state, folder / name)
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("cls", [HOptimus0, H0Mini, Uni, Uni2, Virchow2])
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_timm_folders(
    tmp_path: Path, timm: ModuleType, tiles: NDArray[np.uint8], cls: type[VitEncoder], name: str
) -> None:
    architecture, arguments = timm_models(timm)[cls]
    arguments = arguments | TINY
    model = randomise(timm.create_model(architecture, pretrained=False, **arguments))
    plain = {key: value for key, value in arguments.items() if key not in ("mlp_layer", "act_layer")}
    write(tmp_path, model, {"architecture": architecture, "model_args": plain}, name)
    found = cls.load(tmp_path).encode_image(tiles)
    mean, sd = map(np.array, H_OPTIMUS if cls in (HOptimus0, H0Mini) else IMAGENET)
    x = torch.from_numpy(((tiles / 255 - mean) / sd).transpose(0, 3, 1, 2).astype(np.float32))
    with torch.no_grad():
        out = model(x)
    if cls in (H0Mini, Virchow2):
        out = torch.cat([out[:, 0], out[:, 5:].mean(1)], dim=1)  # class token, then 4 registers
    assert np.abs(found - out.numpy()).max() <= 1e-5


def test_full_sizes_have_the_published_tensors(timm: ModuleType) -> None:
    """Names and shapes of the full architectures, built without memory."""
    from models.networks.vit import VisionTransformer

    parameters = {HOptimus0: 1135, H0Mini: 86, Uni: 303, Uni2: 681, Virchow2: 631}
    for cls, (architecture, arguments) in timm_models(timm).items():
        with torch.device("meta"):
            theirs = timm.create_model(architecture, pretrained=False, **arguments).state_dict()
            ours = VisionTransformer(cls.spec()).state_dict()
        assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}
        assert sum(v.numel() for v in ours.values()) / 1e6 == pytest.approx(parameters[cls], abs=1)


@pytest.mark.parametrize("swiglu", [True, False])
def test_dinov2_folders(tmp_path: Path, tiles: NDArray[np.uint8], swiglu: bool) -> None:
    from transformers import Dinov2Config, Dinov2Model

    image = 266 if swiglu else 224  # Midnight's table of positions is larger than 224 px
    config = Dinov2Config(
        hidden_size=48, num_hidden_layers=3, num_attention_heads=4, patch_size=14 if swiglu else 16, image_size=image,
        use_swiglu_ffn=swiglu,
    )  # fmt: skip
    model = randomise(Dinov2Model(config))
    model.save_pretrained(tmp_path)
    cls = Midnight if swiglu else PhikonV2
    found = cls.load(tmp_path).encode_image(tiles)
    mean, sd = (0.5, 0.5) if swiglu else (np.array(part) for part in IMAGENET)
    x = torch.from_numpy(((tiles / 255 - mean) / sd).transpose(0, 3, 1, 2).astype(np.float32))
    with torch.no_grad():
        hidden = model(x).last_hidden_state
    out = torch.cat([hidden[:, 0], hidden[:, 1:].mean(1)], 1) if swiglu else hidden[:, 0]
    assert np.abs(found - out.numpy()).max() <= 1e-5


def test_vit_folder(tmp_path: Path, tiles: NDArray[np.uint8]) -> None:
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=96)
    model = randomise(ViTModel(config, add_pooling_layer=True))
    model.save_pretrained(tmp_path)
    mean, sd = (np.array(part) for part in IMAGENET)
    x = torch.from_numpy(((tiles / 255 - mean) / sd).transpose(0, 3, 1, 2).astype(np.float32))
    with torch.no_grad():
        out = model(x).last_hidden_state[:, 0]
    assert np.abs(Phikon.load(tmp_path).encode_image(tiles) - out.numpy()).max() <= 1e-5


@pytest.mark.parametrize("damage", ["missing", "extra", "misshapen", "cut"])
def test_a_tensor_that_does_not_fit_is_named(tmp_path: Path, damage: str) -> None:
    from models.networks.vit import VisionTransformer, VitSpec

    model = VisionTransformer(VitSpec(16, 48, 2, 4, 96, scaled=True))
    state = {key: value.clone() for key, value in model.state_dict().items()}
    args = {"embed_dim": 48, "depth": 2, "num_heads": 4, "mlp_ratio": 2}
    (tmp_path / "config.json").write_text(json.dumps({"model_args": args}))
    if damage == "missing":
        del state["blocks.1.ls2.gamma"]
    elif damage == "extra":
        state["head.weight"] = torch.ones(2)
    elif damage == "misshapen":
        state["pos_embed"] = torch.ones(1, 50, 48)
    save_file(state, tmp_path / "model.safetensors")
    if damage == "cut":
        whole = (tmp_path / "model.safetensors").read_bytes()
        (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    named = {"missing": r"blocks\.1\.ls2\.gamma", "extra": r"head\.weight", "misshapen": "pos_embed", "cut": "cut off"}
    with pytest.raises(ModelUnavailable, match=named[damage]):
        Uni.load(tmp_path)


def test_pixels_equal_torchvision(torchvision: ModuleType) -> None:
    from PIL import Image
    from torchvision import transforms
    from torchvision.transforms import InterpolationMode

    tiles = np.random.default_rng(1).integers(0, 256, (2, 110, 110, 3), dtype=np.uint8)
    device = torch.device("cpu")
    tensor_first = [transforms.ToTensor(), transforms.Resize(224, antialias=True), transforms.Normalize(*H_OPTIMUS)]
    bytes_first = [
        transforms.Resize(224, InterpolationMode.BICUBIC),
        transforms.ToTensor(),
        transforms.Normalize(*CLIP),
    ]
    for pixels, steps in ((Pixels(224, H_OPTIMUS), tensor_first), (Pixels(224, CLIP, "bicubic"), bytes_first)):
        transform = transforms.Compose(steps)
        expected = torch.stack([transform(Image.fromarray(tile)) for tile in tiles])
        assert (pixels(tiles, device) - expected).abs().max() <= 1e-5


def test_a_processor_beside_the_weights_decides_colours_and_resizing(tmp_path: Path) -> None:
    from PIL import Image
    from transformers import Dinov2Config, Dinov2Model

    config = Dinov2Config(hidden_size=48, num_hidden_layers=1, num_attention_heads=4, patch_size=16, image_size=224)
    model = randomise(Dinov2Model(config))
    model.save_pretrained(tmp_path)
    said = {"image_mean": [0.7, 0.6, 0.7], "image_std": [0.2, 0.3, 0.2], "resample": 2, "do_center_crop": True}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    tiles = np.random.default_rng(0).integers(0, 256, (2, 110, 110, 3), dtype=np.uint8)
    resized = np.stack([Image.fromarray(tile).resize((224, 224), Image.Resampling.BILINEAR) for tile in tiles])
    x = (resized / 255 - said["image_mean"]) / said["image_std"]
    with torch.no_grad():
        expected = model(torch.from_numpy(x.transpose(0, 3, 1, 2).astype(np.float32))).last_hidden_state[:, 0].numpy()
    assert np.abs(PhikonV2.load(tmp_path).encode_image(tiles) - expected).max() <= 1e-5
