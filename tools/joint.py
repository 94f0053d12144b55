"""Expression to the space that it shares with text."""

import anndata
import numpy as np

from models.protocols import F32, JointModel
from tools.errors import ToolError


def embed_expression(data: anndata.AnnData, joint: JointModel) -> None:
    """Write `obsm["X_joint"]` (n, d) float32, rows of unit norm, from X (log1p CP10K).

    Raises ToolError for relative expression and a model that ranks the genes of a spot.
    """
    data.obsm["X_joint"] = joint_rows(data, joint)


def joint_rows(data: anndata.AnnData, joint: JointModel) -> F32:
    """What `embed_expression` writes. X of a backed AnnData is read some rows at a time."""
    units = str(data.uns.get("provenance", {}).get("units", ""))
    if joint.card.ranks_genes and units.startswith("relative"):
        raise ToolError(
            f"This expression is relative, and {joint.card.name} ranks the genes of each spot; take starter-joint, "
            "which compares spots gene by gene."
        )
    x = data.X if data.isbacked else np.asarray(data.X, np.float32)
    return np.ascontiguousarray(joint.embed_expression(x, list(data.var_names)), np.float32)
