"""DeepSpot (Nonchev et al. 2025): a set network over a spot, its sub-spots and its neighbours."""

import torch
from torch import Tensor, nn


class DeepSpotNet(nn.Module):
    """One phi ensemble, shared by the three roles, and rho collapsed into one linear layer.

    The members of the ensemble are combined per element by `torch.median` (for an even count the lower of the two
    middle values). Sub-spots are summed, neighbours are reduced by their maximum.
    """

    def __init__(self, input_size: int, hidden_size: int, output_size: int, n_phi: int) -> None:
        super().__init__()
        self.phi_weight = nn.Parameter(torch.zeros(n_phi, hidden_size, input_size))
        self.phi_bias = nn.Parameter(torch.zeros(n_phi, hidden_size))
        self.rho = nn.Linear(3 * hidden_size, output_size)
        # Means of the embeddings it was trained on, by role; unused where a network takes them as they come.
        self.register_buffer("reference_mean", torch.zeros(2, input_size))

    def phi(self, x: Tensor) -> Tensor:
        """(..., input_size) -> (..., hidden_size), >= 0."""
        members = torch.einsum("...d,ehd->e...h", x, self.phi_weight)
        shape = (len(self.phi_bias), *([1] * (x.ndim - 1)), -1)
        return torch.relu(members + self.phi_bias.view(shape)).median(dim=0).values

    def pool(self, phi: Tensor, neighbours: Tensor, spots: Tensor | None = None) -> Tensor:
        """phi (n, k, hidden) of spots and sub-spots, rows of neighbours (n, m), -1 for none -> (n, 3 * hidden).

        Neighbours are rows of `spots` (all, hidden), of these n themselves where it is not given.
        A spot without neighbours gets phi(0), as if its surroundings were an empty embedding.
        """
        spot, sub = phi[:, 0], phi[:, 1:].sum(dim=1)
        if neighbours.shape[1] == 0:
            return torch.cat([spot, sub, self._empty(len(phi))], dim=1)
        present = (neighbours >= 0)[..., None]
        everyone = spot if spots is None else spots
        around = torch.where(present, everyone[neighbours.clamp(min=0)], -torch.inf).amax(dim=1)
        around = torch.where(present.any(dim=1), around, self._empty(len(phi)))
        return torch.cat([spot, sub, around], dim=1)

    def _empty(self, n: int) -> Tensor:
        return self.phi(self.phi_weight.new_zeros(1, self.phi_weight.shape[2])).expand(n, -1)

    def forward(self, bags: Tensor, neighbours: Tensor) -> Tensor:
        """bags (n, 1 + sub-spots, input_size), neighbours (n, m) rows of the same bags -> (n, output_size)."""
        expression: Tensor = self.rho(self.pool(self.phi(bags), neighbours))
        return expression
