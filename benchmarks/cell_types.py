"""Words against measured cells that no model here was trained on: AUROC per cell type of pbmc68k_reduced.

`python -m benchmarks.cell_types FILE [--json OUT]`: FILE is `10x_pbmc68k_reduced.h5ad` as the package scanpy ships it
(`scanpy/datasets/`). Cell types are asked by their label as it is and by the same label written out; beside
the figures stands the mean over unrelated phrases (chance is 0.5).
"""

import argparse
import sys
from pathlib import Path

import anndata
import numpy as np
from scipy.special import softmax

from models.registry import load
from models.training.metrics import auroc
from tools.files import write_json

COLUMN = "bulk_labels"
WORDS = {
    "CD14+ Monocyte": "CD14+ monocytes",
    "CD19+ B": "B cells",
    "CD34+": "CD34+ hematopoietic stem cells",
    "CD4+/CD25 T Reg": "regulatory T cells",
    "CD4+/CD45RA+/CD25- Naive T": "naive CD4 T cells",
    "CD4+/CD45RO+ Memory": "memory CD4 T cells",
    "CD56+ NK": "natural killer cells",
    "CD8+ Cytotoxic T": "CD8+ cytotoxic T cells",
    "CD8+/CD45RA+ Naive Cytotoxic": "naive CD8 T cells",
    "Dendritic": "dendritic cells",
}


def measure(path: Path) -> dict[str, float]:
    """Macro AUROC by cosine and by the softmax over all labels (CellWhisperer's way), and AUROC per cell type."""
    data = anndata.read_h5ad(path)
    joint = load("starter-joint")
    cells = joint.embed_expression(data.raw.X.toarray().astype(np.float32), list(data.raw.var_names))
    label = data.obs[COLUMN].astype(str).to_numpy()
    figures: dict[str, float] = {}
    for how, texts in (("labels as they are", list(WORDS)), ("labels written out", list(WORDS.values()))):
        cosines = cells @ joint.encode_text(texts).T
        shares = softmax(joint.logit_scale * cosines, axis=1)
        for kind, scores in (("cosine", cosines), ("softmax over labels", shares)):
            found = {name: auroc(scores[:, j], label == name) for j, name in enumerate(WORDS)}
            figures[f"{how}, {kind}, macro"] = float(np.mean(list(found.values())))
            if how == "labels written out":
                figures |= {f"{how}, {kind}, {name}": value for name, value in found.items()}
    null = cells @ joint.encode_text(joint.null_texts()).T
    figures["unrelated phrases, cosine, mean"] = float(
        np.mean([auroc(column, label == name) for column in null.T for name in WORDS])
    )
    return figures


def main() -> None:
    """Print the figures, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    figures = measure(given.file)
    for name, value in figures.items():
        sys.stdout.write(f"{value:.3f}  {name}\n")
    if given.json:
        write_json(given.json, figures)


if __name__ == "__main__":
    main()
