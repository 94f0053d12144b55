"""What an MCP client can read beside tool results: figures, maps, outlines, tables and files of the conversation."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from agent.session import Picture, Session
from agent.toolbox.exporting import FOLDER
from agent.toolbox.places import prepared_slide
from tools import export
from tools.errors import ToolError

SCHEME = "spotwhisperer://"
MIMES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".csv": "text/csv", ".geojson": "application/geo+json",
    ".html": "text/html", ".h5ad": "application/x-hdf5",
}  # fmt: skip
FIGURE_PX = 900


@dataclass(frozen=True)
class Readable:
    """Something that can be read: `key` tells a page, layer, picture or file."""

    key: str
    uri: str
    name: str
    mime: str
    words: str
    read: Callable[[], bytes]


def resources(session: Session) -> list[Readable]:
    """Everything that this conversation can hand out now."""
    found: list[Readable] = []
    if session.slide is not None:
        found += [
            _readable("shown", "shown.jpg", "What is shown now", lambda: figure_jpeg(session)),
            _readable("regions", "regions.geojson", "Outlines for QuPath", lambda: _regions(session)),
            _readable("spots", "spots.csv", "Spots with every map and region", lambda: _spots(session)),
        ]
    found += [
        _readable(f"picture:{p.id}", f"pictures/{p.id}.jpg", f"H&E of {p.title}", partial(picture_jpeg, p))
        for p in session.pictures.values()
    ]
    folder = session.workspace.root / FOLDER
    mine = [folder / name for name in session.written]  # what other conversations wrote is not shown
    return found + [_file(path) for path in mine if path.suffix in MIMES and path.is_file()]


def content(session: Session, uri: str) -> tuple[str, bytes]:
    """(mime type, bytes) of a resource. Raises ToolError for one that there is not."""
    for found in resources(session):
        if found.uri == uri:
            return found.mime, found.read()
    raise ToolError(f"There is no resource {uri}; list the resources to see which there are.")


def figure_jpeg(session: Session) -> bytes:
    """The open slide with the map and outlines that are shown now."""
    layer, regions = session.on_show()
    return _jpeg(export.figure(prepared_slide(session), layer, regions, max_px=FIGURE_PX))


def picture_jpeg(picture: Picture) -> bytes:
    """A crop, small enough for one message: clients refuse events of more than a MiB."""
    return _jpeg(Image.open(io.BytesIO(picture.png)))


def _jpeg(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.convert("RGB").save(stream, "JPEG", quality=85)
    return stream.getvalue()


def _readable(key: str, path: str, words: str, read: Callable[[], bytes]) -> Readable:
    return Readable(key, SCHEME + path, Path(path).name, MIMES[Path(path).suffix], words, read)


def _file(path: Path) -> Readable:
    return _readable(f"file:{path.name}", f"{FOLDER}/{path.name}", "A file that was exported", path.read_bytes)


def _regions(session: Session) -> bytes:
    slide = prepared_slide(session)
    found = export.feature_collection(slide.name, slide.spots, session.regions.values())
    return json.dumps(found, allow_nan=False).encode()


def _spots(session: Session) -> bytes:
    slide = prepared_slide(session)
    layers = [layer for layer in session.layers.values() if len(layer.values) == len(slide.spots)]
    return export.table_csv(export.spot_table(slide, session.regions.values(), layers)).encode()
