"""What experts said elsewhere, laid over the spots of a slide.

Outlines as GeoJSON (QuPath: File > Export objects), or a table with a label per spot.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape

from tools.errors import SlideError
from tools.regions import Region, region
from tools.spots import Spots

MOST = 2_000  # outlines; more is a segmentation, not an annotation
MOST_LABELS = 60


@dataclass(frozen=True)
class Outline:
    """A named polygon in level-0 px."""

    name: str
    polygon: shapely.Geometry


def read_outlines(text: str | bytes) -> list[Outline]:
    """Polygons of a GeoJSON file with their class or name; points, lines and QuPath's detections are left out.

    Raises SlideError: no GeoJSON, no polygon in it, too many.
    """
    try:
        entry = json.loads(text)
        found = [outline for feature in _features(entry) for outline in _outlines(feature)]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, shapely.errors.ShapelyError) as error:
        raise SlideError(f"This is no GeoJSON that can be read ({error}).") from error
    if not found:
        raise SlideError("There is no polygon in this GeoJSON; QuPath writes them with File > Export objects.")
    if len(found) > MOST:
        raise SlideError(f"There are {len(found):,} outlines in this file; at most {MOST:,} are expected.")
    return found


def laid_over(outlines: list[Outline], spots: Spots) -> list[Region]:
    """One region per outline, without id: the spots whose centres lie in it, and the outline as it was drawn.

    Raises SlideError where no outline holds a spot: then it belongs to another slide.
    """
    points = shapely.points(spots.l0_xy)
    regions = []
    for outline in outlines:
        rows = np.flatnonzero(shapely.contains(outline.polygon, points)).astype(np.int64)
        parts = sorted(shapely.get_parts(outline.polygon), key=lambda part: -part.area)
        rings = tuple(np.asarray(part.exterior.coords)[:-1] for part in parts)
        area_um2 = float(outline.polygon.area) * spots.mpp**2
        if len(rows):
            regions.append(Region("", outline.name, rows, rings, area_um2))
    if not regions:
        raise SlideError("None of these outlines holds a spot of this slide; were they drawn on another one?")
    return regions


def read_annotations(text: bytes, spots: Spots) -> list[Region]:
    """Regions, without ids, of a file that is either GeoJSON or a table. Raises SlideError for anything else."""
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = text.decode("utf-16", "replace").encode()
    text = text.removeprefix(b"\xef\xbb\xbf")
    if text.lstrip()[:1] in (b"{", b"["):
        return laid_over(read_outlines(text), spots)
    return labelled(text, spots)


def labelled(text: bytes, spots: Spots) -> list[Region]:
    """One region per label of a CSV or TSV file: first column the spot, second its label; other spots have none.

    Raises SlideError: no such table, none of its spots on this slide, too many labels.
    """
    try:
        lines = text.decode("utf-8-sig").splitlines()
        table = list(csv.reader(io.StringIO("\n".join(lines)), csv.Sniffer().sniff("\n".join(lines[:20]), ",\t;")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise SlideError("This is neither GeoJSON nor a table; expected spot,label in each line.") from error
    row_of = {spot: row for row, spot in enumerate(spots.ids)}
    members: dict[str, list[int]] = {}
    for line in table:
        if len(line) > 1 and line[0].strip() in row_of and _clean(line[1]):
            members.setdefault(_clean(line[1]), []).append(row_of[line[0].strip()])
    if not members:
        raise SlideError(f"No line of this table names a spot of this slide; they are called {spots.ids[0]} and so on.")
    if len(members) > MOST_LABELS:
        raise SlideError(
            f"There are {len(members):,} different labels in this table; at most {MOST_LABELS} are expected."
        )
    return [region("", label, np.asarray(rows, np.int64), spots) for label, rows in members.items()]


def _features(entry: Any) -> list[Any]:
    if isinstance(entry, list):  # QuPath without "Export as FeatureCollection"
        return entry
    return list(entry["features"]) if entry["type"] == "FeatureCollection" else [entry]


def _outlines(feature: Any) -> Iterator[Outline]:
    properties = feature.get("properties") or {}
    if properties.get("objectType") == "detection" or not feature.get("geometry"):
        return
    geometry = shape(feature["geometry"])
    if geometry.geom_type not in ("Polygon", "MultiPolygon") or geometry.is_empty:
        return
    named = (properties.get("classification") or {}).get("name") or properties.get("name") or "annotation"
    yield Outline(_clean(str(named)) or "annotation", shapely.make_valid(geometry))


def _clean(name: str) -> str:
    """A label as it can be shown: in one line, without what cannot be printed, of bounded length."""
    return "".join(sign if sign.isprintable() else " " for sign in name).strip()[:120].strip()
