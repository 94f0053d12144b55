"""The data sets that this project can read by itself, as labelled samples."""

from functools import partial
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tools.benchmark.config import Config
from tools.benchmark.labels import for_group, read_labels
from tools.benchmark.paths import sample_names
from tools.benchmark.samples import Sample, Truth, write_image, write_spots
from tools.datasets import consep, her2st
from tools.datasets.sections import Section, log1p_cp10k
from tools.errors import ToolError

GAP_PX = 800  # between images on the CoNSeP montage: more than a neighbour's reach
COLUMNS = 6


def read_her2st(config: Config, root: Path, work: Path) -> list[Sample]:
    """Sections with an image; the group `regions` takes the transferred labels, others what the config says."""
    samples = []
    for name in sample_names(config.samples, root):
        if name not in her2st.WITH_IMAGE:
            raise ToolError(f"her2st has no image of {name}; it has {', '.join(her2st.WITH_IMAGE)}.")
        section = her2st.read_section(root, name)
        truths = {}
        for key, group in config.groups.items():
            source = config.each.labels.get(key)
            words = her2st.label_words(root, name, section.ids)
            if source is not None:
                words = read_labels(source, root, name, section.l0_xy, section.ids).words
            labels = for_group(words, group, name)
            truths[key] = Truth(labels.words, labels.left_out)
        spots = write_spots(work / "spots" / f"{name}.csv", section.ids, section.l0_xy, section.array_xy[:, ::-1])
        samples.append(
            Sample(
                name, section.patient, section.ids, section.l0_xy, np.full(len(section.ids), name), truths,
                section.image_path, spots, her2st.MPP, her2st.SPOT_UM, her2st.PITCH_UM, partial(_expression, section),
            )
        )  # fmt: skip
    return samples


def _expression(section: Section) -> anndata.AnnData:
    obs, var = pd.DataFrame(index=list(section.ids)), pd.DataFrame(index=list(section.genes))
    return anndata.AnnData(log1p_cp10k(section.counts), obs=obs, var=var)


def read_consep(config: Config, root: Path, work: Path) -> list[Sample]:
    """All source images laid out on one slide like a tissue microarray; a spot is a field of 2 x 2 patches.

    A field's label is its most frequent kind of nucleus; fields of one image overlap by half.
    """
    sources = consep.read_sources(root)
    corners = np.array([divmod(i, COLUMNS) for i in range(len(sources))])[:, ::-1] * (1000 + GAP_PX)
    side = len(consep.OFFSETS_PX) - 1
    fields = consep.fields(sources, 2 * consep.PATCH_PX * consep.MPP, 8)  # tiny tiles: only the counts are used
    inside = np.array(
        [
            [
                (consep.OFFSETS_PX[c] + consep.OFFSETS_PX[c + 1] + consep.PATCH_PX) / 2,
                (consep.OFFSETS_PX[r] + consep.OFFSETS_PX[r + 1] + consep.PATCH_PX) / 2,
            ]
            for r, c in np.ndindex(side, side)
        ]
    )
    l0_xy = (corners[:, None] + inside[None]).reshape(-1, 2)
    ids = tuple(f"{name}/{number}" for number, name in zip(np.arange(len(l0_xy)) % side**2, fields.source, strict=True))
    slide = write_image(work / "images" / "consep.png", _montage(sources, corners))
    spots = write_spots(work / "spots" / "consep.csv", ids, l0_xy, np.rint(l0_xy[:, ::-1]))
    truths = {}
    for key, group in config.groups.items():
        columns = [consep.KINDS.index(kind) for kind in group.queries]
        words = np.array(consep.KINDS)[fields.counts.argmax(axis=1)]
        filled = fields.counts.sum(axis=1) > 0
        labels = for_group(np.where(filled, words, ""), group, "consep")
        counts = np.asarray(fields.counts[:, columns], np.float64)
        truths[key] = Truth(labels.words, labels.left_out, counts, filled)
    um = 2 * consep.PATCH_PX * consep.MPP
    return [
        Sample("consep", "consep", ids, l0_xy, fields.source, truths, slide, spots, consep.MPP, um, um)
    ]  # fmt: skip


def _montage(sources: list[consep.SourceImage], corners: NDArray[np.int64]) -> NDArray[np.uint8]:
    width, height = corners.max(axis=0) + 1000
    canvas = np.full((height, width, 3), 255, np.uint8)
    for source, (x, y) in zip(sources, corners, strict=True):
        canvas[y : y + 1000, x : x + 1000] = consep.mosaic(source)
    return canvas
