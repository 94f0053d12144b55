"""HER2-positive breast tumours on legacy Spatial Transcriptomics arrays (Andersson et al. 2021, CC BY 4.0)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tools.datasets.sections import F32, Section

MPP = 0.69
PITCH_UM = 200.0
SPOT_UM = 100.0
WITH_IMAGE = ("B4", "C2", "C3", "C4", "C5", "C6")
WITH_LABELS = ("B1", "C1", "D1", "E1", "F1")
IGNORED_LABELS = ("undetermined",)


def section_names(root: Path) -> tuple[str, ...]:
    """Every section with counts, in order."""
    return tuple(sorted(path.name.split(".")[0] for path in (root / "counts").glob("*.tsv.gz")))


def read_section(root: Path, name: str) -> Section:
    """One section: spots that have both a position and counts, in the order of the counts."""
    counts = pd.read_csv(root / "counts" / f"{name}.tsv.gz", sep="\t", index_col=0)
    spots = pd.read_csv(root / "spotfiles" / f"{name}_selection.tsv", sep="\t")
    spots.index = pd.Index(spots["x"].astype(int).astype(str) + "x" + spots["y"].astype(int).astype(str))
    spots = spots[~spots.index.duplicated()]
    kept = [spot for spot in counts.index if spot in spots.index]
    counts, spots = counts.loc[kept], spots.loc[kept]
    images = sorted((root / "images").glob(f"{name}_*.jpg"))
    return Section(
        name=name,
        patient=name[0],
        ids=tuple(kept),
        genes=tuple(counts.columns),
        counts=counts.to_numpy(dtype=np.float32),
        array_xy=spots[["x", "y"]].to_numpy(dtype=np.float64),
        l0_xy=spots[["pixel_x", "pixel_y"]].to_numpy(dtype=np.float64),
        labels=_labels(root, name, kept),
        mpp=MPP,
        pitch_um=PITCH_UM,
        image_path=images[0] if images else None,
        proportions=_proportions(root, name, kept),
    )


def _labels(root: Path, name: str, ids: list[str]) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """The words of `label_words`, "" for those that say nothing."""
    words = label_words(root, name, ids)
    return np.where(np.isin(words, IGNORED_LABELS), "", words)


def label_words(root: Path, name: str, ids: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """Pathologist's labels by rounded array position; transferred (weak) labels where no pathologist looked."""
    own = root / "labels" / f"{name}_labeled_coordinates.tsv"
    if own.is_file():
        table = pd.read_csv(own, sep="\t").dropna(subset=["x", "y", "label"])
        label = table["label"].str.strip()
    else:
        table = pd.read_csv(root / "transferred_labels.csv")
        table = table[table["section"] == name]
        label = table["pathologist_label"].fillna("").str.strip()
    where = {f"{round(x)}x{round(y)}": text for x, y, text in zip(table["x"], table["y"], label, strict=True)}
    return np.array([where.get(spot, "") for spot in ids], dtype=str)


def _proportions(root: Path, name: str, ids: list[str]) -> dict[str, F32]:
    path = root / "deconv_major" / f"{name}-proportion.tsv.gz"
    if not path.is_file():
        return {}
    table = pd.read_csv(path, sep="\t", index_col=0).reindex(ids)
    return {str(kind): table[kind].to_numpy(dtype=np.float32) for kind in table.columns}
