"""The published DeepSpot network (Nonchev et al. 2025) with every context, its rho ensemble as one linear layer."""

import torch
from torch import Tensor, nn

CONTEXTS = {
    "spot": ("spot",),
    "spot_subspot": ("spot", "sub"),
    "spot_neighbors": ("spot", "around"),
    "spot_subspot_neighbors": ("spot", "sub", "around"),
}
ROWS = 256  # bags that go through phi at once: 10 tiles x 10 members x 512 x 4 bytes each


class PublishedDeepSpot(nn.Module):
    """phi (one layer, an ensemble, lower median), pooled by role, then rho and the inverse of the target's scaler."""

    def __init__(self, input_size: int, hidden_size: int, output_size: int, n_phi: int, context: str) -> None:
        super().__init__()
        self.roles = CONTEXTS[context]
        self.phi_weight = nn.Parameter(torch.zeros(n_phi, hidden_size, input_size))
        self.phi_bias = nn.Parameter(torch.zeros(n_phi, hidden_size))
        self.rho = nn.Linear(len(self.roles) * hidden_size, output_size)
        self.register_buffer("scaler_scale", torch.ones(output_size))
        self.register_buffer("scaler_mean", torch.zeros(output_size))

    def phi(self, x: Tensor) -> Tensor:
        """(n, k, input_size) -> (n, k, hidden); `torch.median` takes the lower of two middle members."""
        parts = []
        for rows in torch.split(x, ROWS):
            members = torch.einsum("nkd,ehd->enkh", rows, self.phi_weight) + self.phi_bias[:, None, None]
            parts.append(torch.relu(members).median(dim=0).values)
        return torch.cat(parts)

    def forward(self, bags: Tensor, neighbours: Tensor, empty: Tensor) -> Tensor:
        """Scaled expression (n, genes) of bags (n, 1 + sub-spots, d) with rows of neighbours (n, m), -1 for none.

        `empty` (d,) is the embedding that stands in where a spot has no neighbour at all.
        """
        phi = self.phi(bags)
        pooled = {"spot": phi[:, 0], "sub": phi[:, 1:].sum(dim=1)}
        if "around" in self.roles:
            pooled["around"] = self._around(phi[:, 0], neighbours, empty)
        expression: Tensor = self.rho(torch.cat([pooled[role] for role in self.roles], dim=1))
        return expression

    def _around(self, spot: Tensor, neighbours: Tensor, empty: Tensor) -> Tensor:
        alone = self.phi(empty[None, None])[0]
        if not neighbours.shape[1]:
            return alone.expand(len(spot), -1)
        present = (neighbours >= 0)[..., None]
        most = torch.full_like(spot, -torch.inf)
        for column, here in zip(neighbours.T, present.transpose(0, 1), strict=True):
            most = torch.maximum(most, torch.where(here, spot[column.clamp(min=0)], -torch.inf))
        return torch.where(present.any(dim=1), most, alone)

    def unscale(self, expression: Tensor) -> Tensor:
        """The inverse of the scaler that the targets went through."""
        return expression * self.scaler_scale + self.scaler_mean
