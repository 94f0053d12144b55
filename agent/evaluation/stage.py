"""A workspace on which requests are judged: three small drawn slides, prepared with the fake models in seconds."""

from pathlib import Path

import numpy as np
from PIL import Image

from tools.files import atomic
from tools.prepare import prepare
from tools.workspace import PrepareOptions, Workspace

SLIDES = ("skin_01", "skin_02", "breast_07")
OPTIONS = PrepareOptions(mpp=2.0, models="fake")


def draw_tissue(path: Path, seed: int = 0) -> Path:
    """Purple epithelium above pink stroma, with a speckled round infiltrate; where it lies depends on the seed."""
    rng = np.random.default_rng(seed)
    height, width = 500, 800
    image = np.full((height, width, 3), 244.0)
    image[30:470, 50:750] = (226, 150, 190)
    image[30 : 130 + 30 * seed, 50:750] = (110, 70, 150)
    y, x = np.mgrid[:height, :width]
    speckled = rng.integers(0, 2, (height // 2, width // 2)).repeat(2, 0).repeat(2, 1).astype(bool)
    image[((y - 330) ** 2 + (x - 580 + 150 * seed) ** 2 < 85**2) & speckled] = (70, 40, 120)
    image += rng.normal(0, 6, image.shape)
    with atomic(path) as part:
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(part)
    return path


def build(folder: Path) -> Workspace:
    """The workspace with all three slides prepared, in `folder`."""
    workspace = Workspace(folder / "workspace")
    for seed, name in enumerate(SLIDES):
        prepare(workspace, str(draw_tissue(folder / f"{name}.png", seed)), OPTIONS)
    return workspace


def restore(workspace: Workspace) -> None:
    """Prepare again what a conversation has tiled anew."""
    for state in workspace.slides():
        if state.state != "prepared" or state.options != OPTIONS:
            prepare(workspace, state.name, OPTIONS)
