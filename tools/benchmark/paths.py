"""Files of a data set: alternatives, names of samples in paths, gzip."""

import gzip
import re
import shutil
from pathlib import Path

from tools.errors import ToolError
from tools.files import atomic


def alternatives(patterns: str | list[str] | None, sample: str) -> list[str]:
    """The paths that a pattern stands for."""
    listed = [patterns] if isinstance(patterns, str) else patterns or []
    return [pattern.replace("{sample}", sample) for pattern in listed]


def find(root: Path, patterns: str | list[str] | None, sample: str) -> Path | None:
    """The first of the alternatives that is there, None where none is."""
    return next((root / name for name in alternatives(patterns, sample) if (root / name).exists()), None)


def need(root: Path, patterns: str | list[str] | None, sample: str, what: str) -> Path:
    """The same; its absence is an error that names what was looked for."""
    found = find(root, patterns, sample)
    if found is None:
        tried = " or ".join(alternatives(patterns, sample))
        raise ToolError(f"{sample}: there is no {what}; expected {tried} in {root}.")
    return found


def unzipped(path: Path, folder: Path) -> Path:
    """The file itself, or what its .gz holds, unpacked once into `folder`."""
    if path.suffix != ".gz":
        return path
    out = folder / path.stem
    if not out.is_file():
        with atomic(out) as part, gzip.open(path) as packed, part.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    return out


def sample_names(samples: list[str] | str, root: Path) -> list[str]:
    """Names as listed, or the stems of what a glob finds. Raises ToolError where it finds nothing."""
    if isinstance(samples, list):
        return samples
    names = sorted({re.sub(r"\..*$", "", path.name) for path in root.glob(samples)})
    if not names:
        raise ToolError(f"Nothing in {root} matches {samples}.")
    return names
