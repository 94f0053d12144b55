"""A tiny labelled data set on disk: slides in the colours of H&E, spots, labels, measured counts."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import yaml
from PIL import Image

from models.fakes import GENES, PROGRAMMES
from tests.synthetic import MPP, he_pixels


def write_data(folder: Path, names: tuple[str, ...] = ("one", "two")) -> Path:
    """`folder` with {name}.png, {name}.csv (spot, x, y, label) and {name}.h5ad; epithelium left, stroma right."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        shift = np.array([1.0, 1.0 - 0.05 * index, 1.0])
        Image.fromarray((he_pixels() * shift).astype(np.uint8)).save(folder / f"{name}.png")
        x, y = (grid.ravel() for grid in np.meshgrid(np.arange(200, 1000, 60.0), np.arange(150, 700, 60.0)))
        label = np.where(x < 500, "EPI", "STR").astype(object)
        label[:3] = "UNASSIGNED"
        table = pd.DataFrame({"spot": [f"{name}-{i}" for i in range(len(x))], "x": x, "y": y, "label": label})
        table.sample(frac=1, random_state=index).to_csv(folder / f"{name}.csv", index=False)
        counts = rng.poisson(2, (len(x), len(GENES))).astype(np.float32)
        for programme, rows in (("epithelium", x < 500), ("stroma", x >= 500)):
            columns = [GENES.index(gene) for gene in PROGRAMMES[programme]]
            counts[np.ix_(rows, columns)] += rng.poisson(15, (rows.sum(), len(columns)))
        data = anndata.AnnData(counts, obs=pd.DataFrame(index=table["spot"]), var=pd.DataFrame(index=list(GENES)))
        data.obsm["spatial"] = table[["x", "y"]].to_numpy()
        data.write_h5ad(folder / f"{name}.h5ad")
    return folder


def write_config(path: Path, **changes: object) -> Path:
    """A YAML for this data."""
    value: dict[str, object] = {
        "name": "synthetic",
        "title": "Synthetic tissue",
        "samples": ["one", "two"],
        "patch_px": [80, 224],
        "each": {
            "slide": "{sample}.png",
            "spots": "{sample}.csv",
            "measured": "{sample}.h5ad",
            "mpp": MPP,
            "labels": {"regions": {"csv": "{sample}.csv", "column": "label"}},
        },
        "groups": {
            "regions": {
                "title": "Regions",
                "queries": {"EPI": "epithelium", "STR": "stroma"},
                "markers": {"EPI": ["KRT5", "EPCAM"], "STR": ["COL1A1", "DCN"]},
            }
        },
    }
    path.write_text(yaml.safe_dump(value | changes))
    return path
