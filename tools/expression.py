"""Image embeddings to expression: every spot with its sub-tiles and neighbours through a DeepSpot network."""

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from models.protocols import F32, ExpressionPredictor
from tools.spots import Spots

COMPASS = np.deg2rad(np.arange(8) * 45.0)


def neighbour_rows(spots: Spots, neighbour_um: float | None) -> NDArray[np.int64]:
    """Row numbers (n, m) of each spot's neighbours, -1 where there is none.

    `neighbour_um` None: the first ring of the grid (up to 8 on a square, 6 on a hexagonal lattice). Otherwise one spot
    per compass direction, the nearest to the point that lies so far away in that direction, so that a model sees the
    same surroundings in um whatever the pitch is.
    """
    um_xy = spots.l0_xy * spots.mpp
    tree = cKDTree(um_xy)
    n = len(spots)
    if neighbour_um is None:
        reach = spots.pitch_um * (1.5 if spots.layout == "square" else 1.25)
        rows = tree.query(um_xy, k=min(9, n), distance_upper_bound=reach)[1].reshape(n, -1)
    else:
        offsets = neighbour_um * np.stack([np.cos(COMPASS), np.sin(COMPASS)], axis=1)
        targets = um_xy[:, None] + offsets[None]
        rows = tree.query(targets, distance_upper_bound=neighbour_um / 2)[1]
    rows = np.where((rows == n) | (rows == np.arange(n)[:, None]), -1, rows)
    return np.asarray(rows, np.int64)


def predict_expression(embeddings: F32, spots: Spots, predictor: ExpressionPredictor) -> anndata.AnnData:
    """Expression of the spots as AnnData: X (n, g) float32 log1p CP10K.

    `embeddings` (n, k, d) as `embed_tiles` makes them. Neighbours are taken from the same array.
    """
    neighbours = neighbour_rows(spots, predictor.plan.neighbour_um)
    x = predictor.predict_expression(embeddings, neighbours)
    var = pd.DataFrame(
        {"ensembl_id": list(predictor.ensembl_ids), "reliability": np.asarray(predictor.reliability, np.float32)},
        index=pd.Index(list(predictor.genes)),
    )
    obs = pd.DataFrame(
        {"array_row": spots.array_row, "array_col": spots.array_col}, index=pd.Index([str(i) for i in spots.ids])
    )
    data = anndata.AnnData(X=np.ascontiguousarray(x, np.float32), obs=obs, var=var)
    data.obsm["spatial"] = np.asarray(spots.l0_xy, np.float64)
    return data
