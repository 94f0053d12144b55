"""Fitting a DeepSpot network on few spots: low-rank targets, strong regularisation, ensembles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.networks.deepspot import DeepSpotNet

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Bags:
    """One section under one look: embeddings (n, k, d), neighbour rows (n, m), targets (n, r), weights (n,)."""

    embeddings: F32
    neighbours: NDArray[np.int64]
    targets: F32
    weights: F32


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of a fit."""

    hidden_size: int = 128
    n_phi: int = 6
    n_rho: int = 6
    dropout: float = 0.3
    neighbour_dropout: float = 0.3
    lr: float = 1e-3
    weight_decay: float = 1e-2
    steps: int = 200  # more only fit the sections that are there
    noise: float = 0.1


class _Trainee(nn.Module):
    """DeepSpotNet with the rho ensemble and the dropout that training needs."""

    def __init__(self, net: DeepSpotNet, recipe: Recipe) -> None:
        super().__init__()
        self.net, self.recipe = net, recipe
        rho = net.rho
        self.rho = nn.ModuleList(nn.Linear(rho.in_features, rho.out_features) for _ in range(recipe.n_rho))
        for weight, bias in zip(net.phi_weight, net.phi_bias, strict=True):
            nn.init.kaiming_uniform_(weight, a=5**0.5)
            nn.init.uniform_(bias, -0.05, 0.05)

    def forward(self, bags: Tensor, neighbours: Tensor) -> Tensor:
        """(n, k, d) and (n, m) -> (n_rho, n, r)."""
        drop = nn.functional.dropout
        pooled = self.net.pool(drop(self.net.phi(bags), self.recipe.dropout, self.training), neighbours)
        return torch.stack([member(drop(pooled, self.recipe.dropout, self.training)) for member in self.rho])

    def collapsed(self) -> DeepSpotNet:
        """The network with the rho ensemble averaged into one layer."""
        with torch.no_grad():
            self.net.rho.weight.copy_(torch.stack([member.get_parameter("weight") for member in self.rho]).mean(dim=0))
            self.net.rho.bias.copy_(torch.stack([member.get_parameter("bias") for member in self.rho]).mean(dim=0))
        return self.net.eval()


def fit_deepspot(sections: Sequence[Bags], recipe: Recipe, seed: int) -> DeepSpotNet:
    """Fit on every section; a step takes one section whole, drawn by its total weight."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    first = sections[0]
    net = DeepSpotNet(first.embeddings.shape[2], recipe.hidden_size, first.targets.shape[1], recipe.n_phi)
    trainee = _Trainee(net, recipe)
    optimiser = torch.optim.AdamW(trainee.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.lr, total_steps=recipe.steps, pct_start=0.1)
    tensors = [tuple(map(torch.from_numpy, (s.embeddings, s.neighbours, s.targets, s.weights))) for s in sections]
    share = np.array([s.weights.sum() for s in sections])
    for index in rng.choice(len(sections), size=recipe.steps, p=share / share.sum()):
        bags, neighbours, targets, weights = tensors[index]
        bags = bags + recipe.noise * bags.std() * torch.randn_like(bags)
        hidden = torch.rand(neighbours.shape) < recipe.neighbour_dropout
        predicted = trainee(bags, neighbours.masked_fill(hidden, -1))
        loss = (((predicted - targets) ** 2).mean(dim=(0, 2)) * weights).sum() / weights.sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return trainee.collapsed()


def with_reference(net: DeepSpotNet, reference: F32) -> DeepSpotNet:
    """The network that knows the means (2, d) of the embeddings it was trained on."""
    net.get_buffer("reference_mean").copy_(torch.from_numpy(reference))
    return net


def predict_scores(net: DeepSpotNet, embeddings: F32, neighbours: NDArray[np.int64]) -> F32:
    """(n, k, d) and (n, m) -> (n, r)."""
    with torch.inference_mode():
        return np.asarray(net(torch.from_numpy(embeddings), torch.from_numpy(neighbours)).numpy())


def expand_outputs(net: DeepSpotNet, basis: F32, mean: F32) -> DeepSpotNet:
    """From r programmes to g genes: genes = mean + programmes @ basis, folded into rho. `basis` (r, g), `mean` (g,)."""
    members, hidden, size = net.phi_weight.shape
    wide = DeepSpotNet(size, hidden, basis.shape[1], members)
    loadings = torch.from_numpy(basis)
    with torch.no_grad():
        wide.phi_weight.copy_(net.phi_weight)
        wide.phi_bias.copy_(net.phi_bias)
        wide.rho.weight.copy_(loadings.T @ net.rho.weight)
        wide.rho.bias.copy_(loadings.T @ net.rho.bias + torch.from_numpy(mean))
        for name, buffer in net.named_buffers():
            wide.get_buffer(name).copy_(buffer)
    return wide.eval()
