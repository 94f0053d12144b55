"""Expression to the space that it shares with text."""

import anndata
import numpy as np

from models.protocols import JointModel


def embed_expression(data: anndata.AnnData, joint: JointModel) -> None:
    """Write `obsm["X_joint"]` (n, d) float32, rows of unit norm, from X (log1p CP10K)."""
    embedded = joint.embed_expression(np.asarray(data.X, np.float32), list(data.var_names))
    data.obsm["X_joint"] = np.ascontiguousarray(embedded, np.float32)
