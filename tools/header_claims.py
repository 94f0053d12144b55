"""What a slide's header claims is held against what can be true, before anything is allocated for it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.errors import SlideError

MOST_PX = 2_000_000  # a side; 50 cm at 0.25 um
TILE_PX = 1 << 26  # of one stored tile, which is decoded whole
HARMLESS_PX = 4 << 30
PX_PER_BYTE = 2_000  # a blank slide, well compressed, has some hundred
MANY_FILES = (".mrxs", ".vms", ".vmu", ".dcm")  # whose pixels lie in other files than the one that is opened


def refuse_bombs(path: Path, handle: Any) -> None:
    """Raise SlideError for a slide without levels or pixels, of impossible size, or with far more pixels than bytes."""
    if not handle.level_count or min(map(min, handle.level_dimensions)) < 1:
        raise SlideError(
            f"{path.name} holds no image: it has {handle.level_count} levels and no pixels in one of them."
        )
    width, height = handle.dimensions
    said = f"{path.name} claims {width:,} x {height:,} px"
    if max(width, height) > MOST_PX:
        raise SlideError(f"{said}; at most {MOST_PX:,} a side are expected, so its header is taken to be damaged.")
    size = path.stat().st_size
    if width * height > max(HARMLESS_PX, PX_PER_BYTE * size) and path.suffix.lower() not in MANY_FILES:
        raise SlideError(f"{said} but the file has only {size:,} bytes; its header is damaged, or the file is cut off.")
    tile = math.prod(
        _whole_number(handle.properties, f"openslide.level[0].tile-{side}") for side in ("width", "height")
    )
    if tile > TILE_PX:
        raise SlideError(
            f"{path.name} stores tiles of {tile:,} px, which would have to be decoded whole; at most {TILE_PX:,}. "
            "Convert it to a pyramidal TIFF with small tiles (for example with vips tiffsave --tile --pyramid)."
        )


def objective_power(properties: Mapping[str, str]) -> float | None:
    """The magnification that a slide stores, None where it stores none that can be."""
    try:
        power = float(properties.get("openslide.objective-power", "nan"))
    except ValueError:
        return None
    return power if 0 < power < 1000 else None


def _whole_number(properties: Mapping[str, str], name: str) -> int:
    value = properties.get(name, "")
    return int(value) if value.isdigit() else 0
