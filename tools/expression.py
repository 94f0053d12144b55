"""Image embeddings to expression: every spot with its sub-tiles and neighbours through a DeepSpot network."""

from collections.abc import Iterator

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from models.protocols import F32, ExpressionPredictor, PredictsByParts, Rows
from tools.errors import SlideError
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


def box_neighbours(spots: Spots, reach: int) -> NDArray[np.int64]:
    """Rows (n, m) of the spots whose array row and column differ by at most `reach`, -1 for none: DeepSpot's rule.

    On Visium's hexagonal array, where neighbours of a row differ by 2 columns, 1 gives the four diagonal neighbours.
    Raises SlideError where the spots were given without array positions.
    """
    at = np.stack([spots.array_row, spots.array_col], axis=1)
    if len(np.unique(at, axis=0)) < len(at) or (spots.layout == "given" and not at[:, 1].any()):
        raise SlideError("These spots have no array_row and array_col, by which this model finds neighbours.")
    near = cKDTree(at).query_ball_point(at, reach + 0.5, p=np.inf, return_sorted=True)
    lists = [[j for j in found if j != i] for i, found in enumerate(near)]
    rows = np.full((len(at), max(map(len, lists))), -1, np.int64)
    for row, found in zip(rows, lists, strict=True):
        row[: len(found)] = found
    return rows


def predict_expression(embeddings: Rows, spots: Spots, predictor: ExpressionPredictor) -> anndata.AnnData:
    """Expression of the spots as AnnData: X (n, g) float32 log1p CP10K.

    `embeddings` (n, k, d) as `embed_tiles` makes them. Neighbours are taken from the same array.
    """
    data = without_expression(spots, predictor)
    data.X = np.concatenate(list(expression_parts(embeddings, spots, predictor)))
    return data


def expression_parts(embeddings: Rows, spots: Spots, predictor: ExpressionPredictor) -> Iterator[F32]:
    """The rows of X in order, some at a time where the predictor can do that."""
    plan = predictor.plan
    box = plan.neighbour_box
    neighbours = neighbour_rows(spots, plan.neighbour_um) if box is None else box_neighbours(spots, box)
    if isinstance(predictor, PredictsByParts):
        parts = predictor.expression_parts(embeddings, neighbours)
    else:
        parts = iter([predictor.predict_expression(embeddings[0 : len(embeddings)], neighbours)])
    for part in parts:
        yield np.ascontiguousarray(part, np.float32)


def without_expression(spots: Spots, predictor: ExpressionPredictor) -> anndata.AnnData:
    """Spots and genes as AnnData whose X is still to come."""
    var = pd.DataFrame(
        {"ensembl_id": list(predictor.ensembl_ids), "reliability": np.asarray(predictor.reliability, np.float32)},
        index=pd.Index(list(predictor.genes)),
    )
    obs = pd.DataFrame(
        {"array_row": spots.array_row, "array_col": spots.array_col}, index=pd.Index([str(i) for i in spots.ids])
    )
    data = anndata.AnnData(obs=obs, var=var)
    data.obsm["spatial"] = np.asarray(spots.l0_xy, np.float64)
    return data
