"""Measured expression as log1p CP10K, from an h5ad or a 10x matrix."""

import warnings
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from tools.errors import ToolError
from tools.h5ad import BROKEN
from tools.measured import log1p_cp10k

COUNT_LAYERS = ("counts", "raw_counts")


def read_counts(path: Path) -> anndata.AnnData:
    """log1p CP10K of all spots of a file, genes by symbol. Raises ToolError where the file is neither."""
    try:
        with warnings.catch_warnings():  # of gene names that occur twice; the first is taken below
            warnings.simplefilter("ignore", UserWarning)
            data = _read_10x(path) if path.suffix == ".h5" else anndata.read_h5ad(path)
    except BROKEN as error:
        raise ToolError(f"{path.name} is neither an h5ad nor a 10x matrix that can be read ({error}).") from error
    stored: Any = next((data.layers[name] for name in COUNT_LAYERS if name in data.layers), data.X)
    counts = np.asarray(stored.toarray() if hasattr(stored, "toarray") else stored, np.float32)
    if data.obs_names.has_duplicates:
        raise ToolError(f"{path.name} names a barcode twice: {data.obs_names[data.obs_names.duplicated()][0]}.")
    first = ~data.var_names.duplicated()
    x = log1p_cp10k(counts, path.name)[:, first]
    obs, var = pd.DataFrame(index=data.obs_names.astype(str)), pd.DataFrame(index=data.var_names[first].astype(str))
    return anndata.AnnData(x, obs=obs, var=var)


def _read_10x(path: Path) -> anndata.AnnData:
    """Human genes of filtered_feature_bc_matrix.h5; a genome's prefix is dropped from their names."""
    with h5py.File(path) as file:
        matrix = file["matrix"]
        shape = tuple(reversed(tuple(map(int, matrix["shape"][:]))))
        x = sparse.csr_matrix((matrix["data"][:], matrix["indices"][:], matrix["indptr"][:]), shape=shape)
        names = [text.decode() for text in matrix["features/name"][:]]
        genomes = [text.decode() for text in matrix["features/genome"][:]]
        barcodes = [text.decode() for text in matrix["barcodes"][:]]
    human = [j for j, genome in enumerate(genomes) if genome.startswith(("GRCh", "hg")) or not genome]
    genes = [names[j].split("__")[-1] for j in human]
    return anndata.AnnData(x[:, human], obs=pd.DataFrame(index=barcodes), var=pd.DataFrame(index=genes))
