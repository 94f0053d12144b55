"""What a region argument means: ids, clusters, `selection`, `outside ...`, or words that are looked up on the slide."""

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.events import Artifact
from agent.session import Session
from agent.toolbox.errors import told
from agent.toolbox.evidence import evidence, null_peaks
from tools.errors import ToolError
from tools.prepared import PreparedSlide, load_prepared
from tools.regions import Region, highlight

_IDS = re.compile(r"r\d+(?:\s*(?:,|-|and|\s)\s*r\d+)*\Z", re.I)
_CLUSTERS = re.compile(r"(?:clusters? c?|c)\d+(?:\s*(?:,|and|\s)\s*(?:cluster )?c?\d+)*\Z", re.I)
_MINUS = re.compile(r"(.+?) minus (.+)\Z", re.I)
_OUTSIDE = re.compile(r"(?:everything )?(?:outside|not in|not|except|all but)(?: of)? (.+)\Z", re.I)


@dataclass(frozen=True)
class Place:
    """Spots that a region argument means: `rows`, a label for a sentence, artefacts of regions made for it.

    `doubt` is what must be said about words that were looked up only now and hardly stand out.
    """

    rows: NDArray[np.int64]
    label: str
    regions: tuple[Region, ...] = ()
    artifacts: list[Artifact] = field(default_factory=list)
    doubt: str = ""


def prepared_slide(session: Session) -> PreparedSlide:
    """The open, prepared slide. Raises ToolError saying which tool brings one."""
    if session.slide is not None:
        return session.slide
    if session.opened is None:
        known = [state for state in session.workspace.slides() if state.state == "prepared"]
        if len(known) != 1:
            names = ", ".join(state.name for state in known) or "none prepared yet"
            raise ToolError(f"No slide is open. Open one with open_slide (prepared: {names}).")
        session.opened = known[0].name
    with told():
        state = session.workspace.find(session.opened)
        if state.state != "prepared":
            raise ToolError(
                f"Slide {state.name} is not prepared: call infer_expression first (it takes a minute or more)."
            )
        slide = load_prepared(session.workspace, state.name, session.runtime.device, session.runtime.models_dir)
    session.show(state.name, slide)
    return slide


def outline(session: Session, query: str, fraction: float | None = None) -> tuple[list[Region], list[Artifact]]:
    """Regions that answer `query`, kept in the session, with the artefacts that draw them."""
    slide = prepared_slide(session)
    values = scores_of(slide, query)
    layer = session.add_layer(query, "score", values)
    label = query if fraction is None else f"{query}, best {100 * fraction:g} %"
    regions = _known(session, label) or session.add_regions(highlight(values, slide.spots, label, fraction))
    shown: list[Artifact] = [{"kind": "layer", "layer": layer.id}]
    shown.append({"kind": "regions", "regions": [region.id for region in regions]})
    return regions, shown


def resolve(session: Session, text: str) -> Place:
    """The spots that `text` means on the open slide. Raises ToolError with what exists."""
    slide, text = prepared_slide(session), re.sub(r"^(?:the|an?) ", "", " ".join(text.split()), flags=re.I)
    outside = _OUTSIDE.match(text)
    if outside:
        inner = resolve(session, outside[1])
        rows = np.setdiff1d(np.arange(len(slide.spots)), inner.rows)
        return Place(rows, f"the tissue outside {inner.label}", (), inner.artifacts, inner.doubt)
    if text.lower() in ("selection", "my selection"):
        if session.selection is None or not len(session.selection):
            raise ToolError("Nothing is selected. Draw around an area on the slide, or name one by id or in words.")
        return Place(np.asarray(session.selection, np.int64), "your selection")
    if _IDS.match(text):
        return _by_ids(session, text.lower())
    if _CLUSTERS.match(text):
        return _by_cluster(session, text)
    if not text:
        raise ToolError("Which region? Give an id such as r1, 'selection', or words such as 'epidermis'.")
    known = _known(session, text)
    return _place_of(text, known, [], "") if known else _look_up(session, slide, text)


def _look_up(session: Session, slide: PreparedSlide, text: str) -> Place:
    """Words that were not outlined before. Those no better than chance give spots with a doubt, but no outline."""
    values = scores_of(slide, text)
    minus = _MINUS.match(text)
    found = evidence(slide, minus[1] if minus else text, values, null_peaks(slide, bool(minus)), twins=not minus)
    if found.nearest:
        raise ToolError(found.words(minus[1] if minus else text))
    if found.absent:
        regions = highlight(values, slide.spots, text)
        if not regions:
            raise ToolError(f"{found.words(text)} No spot of this slide scores above the threshold for it.")
        layer = session.add_layer(text, "score", values)
        shown: list[Artifact] = [{"kind": "layer", "layer": layer.id}, clear_outlines()]
        doubt = f"{found.words(text)} I go by its best spots all the same, without outlining them."
        return Place(_union(regions), f"the best spots for '{text}'", (), shown, doubt)
    known, artifacts = outline(session, text)
    if not known:
        raise ToolError(f"No spot of this slide scores above the threshold for '{text}'.")
    return _place_of(text, known, artifacts, found.words(text) if found.doubtful else "")


def _place_of(text: str, regions: list[Region], artifacts: list[Artifact], doubt: str) -> Place:
    return Place(_union(regions), f"{_ids_in_short(regions)} ({text})", tuple(regions), artifacts, doubt)


def _by_cluster(session: Session, text: str) -> Place:
    if not session.clusters:
        raise ToolError("There are no clusters on this slide yet; call cluster_spots first.")
    wanted = [f"c{number}" for number in re.findall(r"\d+", text)]
    missing = [name for name in wanted if name not in session.clusters]
    if missing:
        known = ", ".join(f"{c.id} ({c.query})" for c in session.clusters.values())
        raise ToolError(f"There is no cluster {', '.join(missing)}; clusters: {known}.")
    found = [session.clusters[name] for name in wanted]
    return Place(_union(found), f"cluster {', '.join(c.id for c in found)} ({'; '.join(c.query for c in found)})")


def scores_of(slide: PreparedSlide, text: str) -> NDArray[np.float32]:
    """Scores (n,) of words, which may be "A minus B"."""
    minus = _MINUS.match(text)
    return slide.text_scores(minus[1], minus[2]) if minus else slide.text_scores(text)


def recent_places(session: Session, at_most: int = 2) -> list[Place]:
    """The queries that are outlined now, the last ones first, each as the union of its regions."""
    shown = [session.regions[name] for name in session.shown_regions if name in session.regions]
    queries = list(dict.fromkeys(region.query for region in reversed(shown)))
    return [resolve(session, query) for query in queries[:at_most]]


def clear_outlines() -> Artifact:
    """What takes the outlines of earlier answers off the slide, so that a new map is not framed by them."""
    return {"kind": "regions", "regions": []}


def _by_ids(session: Session, text: str) -> Place:
    wanted: list[str] = []
    for first, last in re.findall(r"r(\d+)(?:\s*-\s*r(\d+))?", text):
        wanted += [f"r{number}" for number in range(int(first), int(last or first) + 1)]
    missing = [name for name in wanted if name not in session.regions]
    if missing:
        known = ", ".join(f"{region.id} ({region.query})" for region in session.regions.values()) or "none yet"
        raise ToolError(f"There is no region {', '.join(missing[:5])} on this slide; regions: {known}.")
    regions = [session.regions[name] for name in wanted]
    queries = list(dict.fromkeys(region.query for region in regions))
    return Place(_union(regions), f"{_ids_in_short(regions)} ({', '.join(queries)})", tuple(regions))


def _known(session: Session, query: str) -> list[Region]:
    same = [region for region in session.regions.values() if _spelt(region.query) == _spelt(query)]
    return sorted(same, key=lambda region: int(region.id[1:]))


def _spelt(words: str) -> str:
    """Words in one spelling, so that tumours and tumor are one region."""
    return " ".join(words.lower().replace("tumour", "tumor").split())


def _union(regions: list[Region]) -> NDArray[np.int64]:
    return np.unique(np.concatenate([region.spots for region in regions]))


def _ids_in_short(regions: list[Region]) -> str:
    ids = [region.id for region in regions]
    numbers = [int(name[1:]) for name in ids]
    if len(ids) > 2 and numbers == list(range(numbers[0], numbers[0] + len(ids))):
        return f"{ids[0]}-{ids[-1]}"
    return ", ".join(ids)
