"""Tools that divide all spots: into clusters of like transcriptome, or among labels."""

from dataclasses import replace

import numpy as np
from langchain.tools import ToolRuntime, tool

from agent.events import Artifact
from agent.session import Session
from agent.toolbox.places import clear_outlines, prepared_slide
from agent.toolbox.words import area, basis, counted, number, part, percent, place
from tools.clusters import Cluster
from tools.clusters import cluster_spots as cluster
from tools.composition import Composition
from tools.composition import annotate_spots as annotate
from tools.prepared import PreparedSlide
from tools.regions import region as make_region

LOOSE = 0.15  # mean silhouette below which clusters shade into each other


@tool(response_format="content_and_artifact", parse_docstring=True)
def cluster_spots(
    runtime: ToolRuntime[Session], resolution: float = 1.0, n: int | None = None
) -> tuple[str, list[Artifact]]:
    """Divide the spots into clusters of like transcriptome, each with a caption of terms and genes. Ids: c1, c2, ...

    Args:
        resolution: Factor on the number of clusters that fits best; 2 gives finer clusters. Unused when n is given.
        n: How many clusters; leave out to let the data decide.
    """
    session = runtime.context
    slide = prepared_slide(session)
    found = cluster(slide, resolution, n)
    session.clusters = {
        c.id: replace(make_region(c.id, c.caption, c.rows, slide.spots), id=c.id) for c in found.clusters
    }
    labels = [f"{c.id}: {', '.join(t.term for t in c.terms) or 'no term stands out'}" for c in found.clusters]
    layer = session.add_layer(f"{len(found.clusters)} clusters", "category", found.labels.astype(np.float32), labels)
    rows = [
        {"id": c.id, "caption": c.caption, "spots": len(c.rows), "share": len(c.rows) / len(slide.spots),
         "terms": [t.term for t in c.terms], "genes": list(c.genes)}
        for c in found.clusters
    ]  # fmt: skip
    apart = "they shade into each other" if found.silhouette < LOOSE else "they are fairly distinct"
    lines = [
        f"{counted(len(found.clusters), 'cluster')} of like transcriptome (mean silhouette "
        f"{found.silhouette:.2f}: {apart}):",
        *(_cluster_line(slide, c) for c in found.clusters),
    ]
    shown: list[Artifact] = [{"kind": "layer", "layer": layer.id}, clear_outlines()]
    shown.append({"kind": "clusters", "layer": layer.id, "rows": rows})
    return "\n".join([*lines, basis(slide)]), shown


def _cluster_line(slide: PreparedSlide, found: Cluster) -> str:
    share = percent(len(found.rows) / len(slide.spots))
    return (
        f"- {found.id}: {found.caption}; {counted(len(found.rows), 'spot')}, {share}, {part(place(slide, found.rows))}"
    )


@tool(response_format="content_and_artifact", parse_docstring=True)
def annotate_spots(runtime: ToolRuntime[Session], labels: list[str]) -> tuple[str, list[Artifact]]:
    """Give every spot the label that fits it best, or none, and say what the tissue is made of in percent.

    Args:
        labels: 2 to 12 labels in words, such as ["tumor", "stroma", "immune cells"].
    """
    session = runtime.context
    slide = prepared_slide(session)
    found = annotate(slide, labels)
    layer = session.add_layer(", ".join(found.labels), "category", found.best.astype(np.float32), found.labels)
    none = found.share(-1)
    order = sorted(range(len(found.labels)), key=lambda i: -found.share(i))
    rows = [
        {
            "label": found.labels[i],
            "share": found.share(i),
            "spots": int((found.best == i).sum()),
            "clear": found.clear(i),
        }
        for i in order
    ]
    lines = [f"Best label of each of {counted(len(slide.spots), 'spot')}:"]
    lines += [_label_line(slide, found, i) for i in order]
    lines.append(
        f"- no label fits well: {percent(none)} of the spots (none scores above {found.threshold:.2f}, what the "
        f"best of {len(found.labels)} unrelated phrases reaches on a typical spot)"
    )
    if found.off is not None:
        lines.append(
            f"Probabilities are among these {len(found.labels)} labels alone (a guess is "
            f"{number(1 / len(found.labels))}) and rough: on tissue that the models had not seen they were off by "
            f"{number(found.off)} on average."
        )
    if none > 0.5:
        lines.insert(0, "No label fits well on most of this tissue; other labels may.")
    shown: list[Artifact] = [{"kind": "layer", "layer": layer.id}, clear_outlines()]
    shown.append({"kind": "composition", "layer": layer.id, "rows": rows, "none": none})
    return "\n".join([*lines, basis(slide)]), shown


def _label_line(slide: PreparedSlide, found: Composition, i: int) -> str:
    mine = np.flatnonzero(found.best == i)
    if not len(mine):
        return f"- {found.labels[i]}: 0 %"
    sure = found.sure(i)
    return (
        f"- {found.labels[i]}: {percent(found.share(i))} ({counted(len(mine), 'spot')}, "
        f"{area(len(mine) * slide.spots.cell_um2)}), mean margin over the next label "
        f"{number(float(found.margin[mine].mean()))} SD, clear in {percent(found.clear(i))} of them"
        + (f", mean probability {number(sure)}" if sure is not None else "")
    )
