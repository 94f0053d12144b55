"""Which published files can be converted, by the name of the model."""

import shutil
from pathlib import Path
from typing import Any

from models.card import ModelUnavailable

NAMES = ("deepspot", "cellwhisperer", "spatialwhisperer")


def convert(name: str, folder: Path, out: Path, *, replace: bool = False) -> dict[str, Any]:
    """Read the released files in `folder` without executing them and write `out`; returns its config.

    `out` appears whole or not at all. Raises ModelUnavailable: unknown name, no such folder, `out` is there already.
    """
    if name not in NAMES:
        raise ModelUnavailable(f"'{name}' needs no conversion or is unknown; to convert: {', '.join(NAMES)}.")
    if not folder.is_dir():
        raise ModelUnavailable(f"{folder} is no folder; give the one that holds the released files of {name}.")
    if out.exists() and not replace:
        raise ModelUnavailable(f"{out} is there already; give --replace to write it anew, or another --out.")
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        found = _convert(name, folder, part)
        shutil.rmtree(out, ignore_errors=True)
        part.replace(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return found


def _convert(name: str, folder: Path, out: Path) -> dict[str, Any]:
    if name == "deepspot":
        from models.convert.deepspot import convert_deepspot

        return convert_deepspot(folder, out)
    from models.convert.whisperer import convert_whisperer

    return convert_whisperer(folder, out, image=name == "spatialwhisperer")
