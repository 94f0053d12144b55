"""Plots as PNG bytes, small enough to be kept beside a report."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from tools.benchmark.metrics import F64

# Okabe and Ito: told apart with any colour vision.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
GREY = "#d0d0d0"
ROLE_COLOUR = {"model": "#0072B2", "upper bound": "#009E73", "floor": "#999999"}


def png(figure: Figure, dpi: int = 90, colours: int = 128) -> bytes:
    """A figure as PNG with a palette, which is a third of the size."""
    FigureCanvasAgg(figure)
    full = io.BytesIO()
    figure.savefig(full, format="png", dpi=dpi, bbox_inches="tight", facecolor="white")
    full.seek(0)
    small = io.BytesIO()
    with Image.open(full) as image:
        image.convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(small, format="PNG", optimize=True)
    return small.getvalue()


def umap_png(panels: Mapping[str, tuple[NDArray[np.float32], NDArray[np.str_]]], classes: Sequence[str]) -> bytes:
    """Figure 3 of the paper: UMAP of the joint embedding coloured by annotation, a panel per set of weights."""
    figure = Figure(figsize=(4.2 * len(panels) + 1.5, 4))
    for number, (title, (flat, words)) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), number + 1)
        rest = words == ""
        axes.scatter(flat[rest, 0], flat[rest, 1], s=6, c=GREY, label="left out", linewidths=0)
        for j, name in enumerate(classes):
            rows = words == name
            colour, label = PALETTE[j % len(PALETTE)], f"{name} ({rows.sum()})"
            axes.scatter(flat[rows, 0], flat[rows, 1], s=8, c=colour, label=label, linewidths=0)
        axes.set_title(title, fontsize=10)
        axes.set(xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2")
        axes.legend(fontsize=7, markerscale=2, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    return png(figure)


def confusion_png(matrices: Mapping[str, NDArray[np.int64]], classes: Sequence[str]) -> bytes:
    """Confusion matrices side by side: share of each true class, counts written in."""
    columns = min(3, len(matrices))
    rows = -(-len(matrices) // columns)
    figure = Figure(figsize=(3.6 * columns, 3.4 * rows))
    for number, (title, matrix) in enumerate(matrices.items()):
        axes = figure.add_subplot(rows, columns, number + 1)
        share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for (i, j), n in np.ndenumerate(matrix):
            colour = "white" if share[i, j] > 0.6 else "black"
            axes.text(j, i, str(n), ha="center", va="center", fontsize=8, color=colour)
        axes.set_title(title, fontsize=9, wrap=True)
        axes.set_xticks(range(len(classes)), classes, rotation=40, ha="right", fontsize=7)
        axes.set_yticks(range(len(classes)), classes, fontsize=7)
        axes.set(xlabel="predicted", ylabel="label")
    figure.tight_layout()
    return png(figure)


def intervals_png(
    rows: Sequence[tuple[str, str, Sequence[float], Sequence[float], Sequence[float]]], columns: Sequence[str]
) -> bytes:
    """AUROC with its interval: `rows` of (scorer, role, means, lows, highs), a panel per column."""
    figure = Figure(figsize=(1.9 * len(columns) + 2.6, 0.32 * len(rows) + 1.3))
    first: Axes | None = None
    for j, name in enumerate(columns):
        axes = figure.add_subplot(1, len(columns), j + 1, sharey=first)
        for y, (_, role, means, lows, highs) in enumerate(reversed(rows)):
            if np.isfinite(means[j]):
                if np.isfinite(lows[j]):
                    axes.plot([lows[j], highs[j]], [y, y], color=ROLE_COLOUR[role], lw=1.5)
                axes.plot(means[j], y, "o", color=ROLE_COLOUR[role], ms=4)
        axes.axvline(0.5, color="black", lw=0.6, ls=":")
        axes.set_xlim(0, 1)
        axes.set_title(name, fontsize=8)
        axes.tick_params(labelsize=7, labelleft=j == 0)
        axes.set_yticks(range(len(rows)), [row[0] for row in reversed(rows)], fontsize=7)
        axes.grid(axis="x", lw=0.3)
        first = first or axes
    figure.supxlabel("AUROC (blue: models, green: measured, grey: floors)", fontsize=8)
    figure.tight_layout()
    return png(figure)


def maps_png(
    xy: NDArray[np.float64], words: NDArray[np.str_], classes: Sequence[str], scores: Mapping[str, F64]
) -> bytes:
    """Maps of every class (columns): the truth in the first row, then each scorer's scores, by their own range."""
    width, height = np.ptp(xy, axis=0)
    panel = (1.7, float(np.clip(1.7 * height / max(width, 1), 0.8, 2.6)))
    rows = len(scores) + 1
    figure = Figure(figsize=(panel[0] * len(classes) + 1.2, panel[1] * rows + 0.4))
    size = float(np.clip(4500 / len(xy), 1.5, 14))
    for row, name in enumerate(["label", *scores]):
        for column, label in enumerate(classes):
            axes = figure.add_subplot(rows, len(classes), row * len(classes) + column + 1)
            if row == 0:
                colour = np.where(words == label, "#D55E00", np.where(words == "", "#f2f2f2", "#bbbbbb"))
                axes.scatter(xy[:, 0], xy[:, 1], s=size, c=colour, linewidths=0)
                axes.set_title(label, fontsize=7)
            elif np.isfinite(scores[name][:, column]).all():
                values = scores[name][:, column]
                low, high = np.quantile(values, [0.02, 0.98])
                axes.scatter(xy[:, 0], xy[:, 1], s=size, c=values, cmap="viridis", vmin=low, vmax=high, linewidths=0)
            if column == 0:
                axes.set_ylabel(name, fontsize=6, rotation=0, ha="right", va="center", wrap=True)
            axes.set(xticks=[], yticks=[], aspect="equal")
            axes.invert_yaxis()
            for spine in axes.spines.values():
                spine.set_visible(False)
    figure.tight_layout(pad=0.3)
    return png(figure, dpi=80, colours=64)
