"""Fine-tuning the last stage of the encoder: what tiles express and which nuclei they hold, without forgetting.

The stages before it stay as they are, so that their maps are computed once.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.networks.densenet import FEATURES, TRUNK, DenseNet121
from models.protocols import TilePlan

F32 = NDArray[np.float32]
STRIDE = 32  # pixels of a tile per pixel of its map


@dataclass(frozen=True)
class Lesson:
    """One tissue: `maps` (looks, n, w), programme `scores` (n, r), its `weight`.

    `nuclei` (n, 1 + sub-tiles, kinds): counts in the tile and its sub-tiles, None where nobody counted.
    """

    maps: NDArray[np.float16]
    scores: F32
    weight: float
    nuclei: F32 | None = None


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters; `keep` weighs how close the features stay to those it started from."""

    steps: int = 400
    batch: int = 48
    lr: float = 2e-4
    head_lr: float = 2e-3
    weight_decay: float = 1e-2
    dropout: float = 0.2
    keep: float = 0.3
    nuclei: float = 0.5


def pooled(net: DenseNet121, maps: NDArray[np.float16], plan: TilePlan, batch: int = 64) -> F32:
    """(n, w) maps -> (n, 1 + sub-tiles, FEATURES) of the tile and its sub-tiles."""
    with torch.inference_mode():
        rows = [_features(net, torch.from_numpy(maps[i : i + batch]), plan) for i in range(0, len(maps), batch)]
    return np.asarray(torch.cat(rows).numpy())


def tune_top(
    net: DenseNet121, lessons: Sequence[Lesson], plan: TilePlan, seed: int, recipe: Recipe | None = None
) -> DenseNet121:
    """A copy of `net` whose last stage was trained on the lessons."""
    recipe = recipe or Recipe()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    tuned = copy.deepcopy(net).float().eval()  # norms keep their statistics
    start = [np.stack([pooled(tuned, look, plan) for look in lesson.maps]) for lesson in lessons]
    flat = np.concatenate([part.reshape(-1, FEATURES) for part in start])
    mean, sd = torch.from_numpy(flat.mean(axis=0)), torch.from_numpy(flat.std(axis=0) + 0.05 * flat.std())
    heads = _Heads(lessons, recipe.dropout)
    top = [*tuned.stages[-1].parameters(), *tuned.norm_out.parameters()]
    groups = [{"params": top, "lr": recipe.lr}, {"params": heads.parameters(), "lr": recipe.head_lr}]
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [recipe.lr, recipe.head_lr], total_steps=recipe.steps, pct_start=0.15
    )
    share = np.array([lesson.weight for lesson in lessons])
    for _ in range(recipe.steps):
        drawn = rng.multinomial(recipe.batch, share / share.sum())
        loss = torch.zeros(())
        for index, count in enumerate(drawn):
            if count:
                lesson = lessons[index]
                look, rows = rng.integers(len(lesson.maps)), rng.integers(len(lesson.scores), size=count)
                maps = torch.from_numpy(lesson.maps[look, rows])
                z = (_features(tuned, maps, plan) - mean) / sd
                kept = ((z - (torch.from_numpy(start[index][look, rows]) - mean) / sd) ** 2).mean()
                loss = loss + count / recipe.batch * (heads.loss(z, lesson, rows, recipe) + recipe.keep * kept)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    return tuned


class _Heads(nn.Module):
    """Linear readings of standardised features: programmes, and log counts of nuclei."""

    def __init__(self, lessons: Sequence[Lesson], dropout: float) -> None:
        super().__init__()
        self._scale = float(np.sqrt(np.mean([lesson.scores.var(axis=0).mean() for lesson in lessons])))
        counted = [np.log1p(lesson.nuclei) for lesson in lessons if lesson.nuclei is not None]
        kinds = counted[0].shape[-1] if counted else 1
        self._drop = nn.Dropout(dropout)
        self.programmes = nn.Linear(FEATURES, lessons[0].scores.shape[1])
        self.nuclei = nn.Linear(FEATURES, kinds)
        if counted:
            self._mean = torch.from_numpy(np.stack([counted[0][:, :1].mean((0, 1)), counted[0][:, 1:].mean((0, 1))]))
            self._sd = torch.from_numpy(np.stack([counted[0][:, :1].std((0, 1)), counted[0][:, 1:].std((0, 1))]))

    def loss(self, z: Tensor, lesson: Lesson, rows: NDArray[np.int64], recipe: Recipe) -> Tensor:
        """Mean squared errors in units of the targets' variance; z (b, k, FEATURES)."""
        z = self._drop(z)
        target = torch.from_numpy(lesson.scores[rows]) / self._scale
        loss: Tensor = ((self.programmes(z[:, 0]) - target) ** 2).mean()
        if lesson.nuclei is not None:
            counts = torch.log1p(torch.from_numpy(lesson.nuclei[rows]))
            role = torch.tensor([0, *[1] * (z.shape[1] - 1)])
            wanted = (counts - self._mean[role]) / self._sd[role]
            loss = loss + recipe.nuclei * ((self.nuclei(z) - wanted) ** 2).mean()
        return loss


def _features(net: DenseNet121, maps: Tensor, plan: TilePlan) -> Tensor:
    """(n, w) flat maps -> (n, 1 + sub-tiles, FEATURES)."""
    side, part = plan.tile_px // STRIDE, plan.tile_px // plan.sub_grid // STRIDE
    maps = maps.float()
    whole = net.top(maps[:, : TRUNK * side**2].reshape(-1, TRUNK, side, side))
    parts = net.top(maps[:, TRUNK * side**2 :].reshape(-1, TRUNK, part, part))
    return torch.cat([whole[:, None], parts.reshape(len(maps), -1, FEATURES)], dim=1)
