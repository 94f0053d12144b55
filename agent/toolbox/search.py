"""Tools that look for words on the tissue: rank spots, outline regions."""

import numpy as np
from langchain.tools import ToolRuntime, tool
from numpy.typing import NDArray

from agent.events import Artifact
from agent.session import Session
from agent.toolbox.evidence import Evidence, evidence, null_peaks
from agent.toolbox.places import clear_outlines, outline, prepared_slide, resolve
from agent.toolbox.words import area, basis, counted, number, part, percent, place, region_line
from tools.errors import ToolError
from tools.prepared import PreparedSlide
from tools.regions import Region
from tools.regions import region as make_region
from tools.score import contrast

MAX_LINES = 5


@tool(response_format="content_and_artifact", parse_docstring=True)
def rank_spots(
    runtime: ToolRuntime[Session], query: str, minus: str = "", top_k: int = 20
) -> tuple[str, list[Artifact]]:
    """Heat map of a phrase over all spots and the best spots; `minus` subtracts a second phrase.

    Args:
        query: A cell type, tissue, structure or process in words, such as "T cells".
        minus: A second phrase whose score is subtracted, such as "necrosis"; empty for none.
        top_k: How many best spots to report on.
    """
    session = runtime.context
    slide = prepared_slide(session)
    values = slide.text_scores(query, minus or None)
    title = f"{query} minus {minus}" if minus else query
    layer = session.add_layer(title, "score", values)
    rows = np.argsort(-values, kind="stable")[: max(top_k, 1)]
    c = contrast(values, rows)
    ids = ", ".join(f"{slide.spots.ids[row]} ({values[row]:.2f})" for row in rows[:MAX_LINES])
    found = evidence(slide, query, values, null_peaks(slide, bool(minus)), twins=not minus)
    lines = [
        f"'{title}': the best {counted(len(rows), 'spot')} score {c.mean_in:.2f} on average, all others "
        f"{number(c.mean_out)} (in SDs of unrelated phrases); they lie {part(place(slide, rows))}.",
        f"Best spots: {ids}.",
        f"{percent(float((values > 2).mean()))} of the spots score above 2.",
    ]
    verdict = found.words(title)
    lines = [verdict, *lines] if found.doubtful else [*lines, verdict]
    return "\n".join([*lines, basis(slide)]), [{"kind": "layer", "layer": layer.id}, clear_outlines()]


@tool(response_format="content_and_artifact", parse_docstring=True)
def highlight_region(
    runtime: ToolRuntime[Session], query: str = "", region: str = "", fraction: float | None = None
) -> tuple[str, list[Artifact]]:
    """Outline where something lies and measure it: regions with ids, area, share of the tissue. Give query or region.

    Args:
        query: A cell type, tissue, structure or process in words, such as "epidermis".
        region: Instead of a query: ids of regions that exist (r1), or "selection".
        fraction: Take this share of the spots (0.1: the best tenth); leave out for an automatic threshold.
    """
    session = runtime.context
    slide = prepared_slide(session)
    if region and not query:
        return _existing(session, slide, region)
    if not query:
        raise ToolError("What should be outlined? Give words such as 'epidermis' as query, or a region id.")
    if fraction is not None and not 0 < fraction < 1:
        raise ToolError(f"fraction is a share of the spots between 0 and 1, not {fraction:g}; 0.1 is the best tenth.")
    values = slide.text_scores(query)
    found = evidence(slide, query, values)
    verdict = found.words(query)
    if found.absent and fraction is None:
        return _held_back(session, slide, query, found)
    regions, artifacts = outline(session, query, fraction)
    if not regions:
        return f"'{query}': no spot scores above the threshold.\n{verdict}\n{basis(slide)}", artifacts
    rows = np.concatenate([r.spots for r in regions])
    c = contrast(values, rows)
    lines = [_summary(slide, query, regions), *_lines(slide, regions)]
    means = f"Mean score {c.mean_in:.2f} inside and {number(c.mean_out)} outside, in SDs of unrelated phrases."
    lines = [verdict, *lines, means] if found.doubtful else [*lines, f"{means} {verdict}"]
    return "\n".join([*lines, basis(slide)]), artifacts


def _held_back(session: Session, slide: PreparedSlide, query: str, found: Evidence) -> tuple[str, list[Artifact]]:
    """No outline for what is no better than chance, or for a term that the model does not know."""
    if found.nearest:
        return f"{found.words(query)} So I outline nothing.", [clear_outlines()]
    layer = session.add_layer(query, "score", slide.text_scores(query))
    words = (
        f"{found.words(query)} So I outline nothing; the map shows how the scores lie all the same. "
        "(With fraction, such as 0.1, the best tenth is outlined.)"
    )
    return f"{words}\n{basis(slide)}", [{"kind": "layer", "layer": layer.id}, clear_outlines()]


def _existing(session: Session, slide: PreparedSlide, text: str) -> tuple[str, list[Artifact]]:
    found = resolve(session, text)
    regions = list(found.regions)
    if not regions:
        regions = session.add_regions([_as_region(slide, found.rows, found.label)])
    shown: list[Artifact] = [*found.artifacts, {"kind": "regions", "regions": [r.id for r in regions]}]
    return "\n".join([_summary(slide, found.label, regions), *_lines(slide, regions), basis(slide)]), shown


def _as_region(slide: PreparedSlide, rows: NDArray[np.int64], label: str) -> Region:
    return make_region("", label, rows, slide.spots)


def _summary(slide: PreparedSlide, title: str, regions: list[Region]) -> str:
    rows = np.unique(np.concatenate([r.spots for r in regions]))
    total = len(rows) * slide.spots.cell_um2
    share = percent(len(rows) / len(slide.spots))
    together = "together " if len(regions) > 1 else ""
    return (
        f"{title}: {counted(len(regions), 'region')}, {together}{area(total)}, {share} of the sampled tissue "
        f"({len(rows):,} of {counted(len(slide.spots), 'spot')})."
    )


def _lines(slide: PreparedSlide, regions: list[Region]) -> list[str]:
    lines = [region_line(slide, r) for r in regions[:MAX_LINES]]
    rest = regions[MAX_LINES:]
    if rest:
        total = sum(r.area_um2 for r in rest)
        ids = rest[0].id if len(rest) == 1 else f"{rest[0].id} to {rest[-1].id}"
        lines.append(f"- {ids}: {area(total)} in {counted(len(rest), 'smaller piece')}")
    return lines
