"""Which files somebody who is not at the command line may open: one rule for the chat, the page, uploads and MCP."""

import re
import stat
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from tools.errors import SlideError

LONGEST = 1_000
MOST_ENTRIES = 2_000  # of a folder that is opened, looked through for links that lead out
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?![^/\\]*$)|(?:file|data|javascript|s3|gs|https?|ftp):", re.I)
_SHARE = re.compile(r"[\\/]{2}")


def allowed_path(given: str, folders: Iterable[Path]) -> Path:
    """The resolved path of `given`, a file or folder inside one of `folders`.

    Raises SlideError for everything else, in words that do not tell whether it exists: addresses, network shares,
    drives, other people's homes, paths and links that lead out, devices and pipes.
    """
    text = given.strip()
    if not text or len(text) > LONGEST or any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise SlideError("That is no path of a slide.")
    if _SHARE.match(text):
        raise _refused(given, "is on a network share, and only files of this machine's allowed folders can be opened")
    if text.startswith("~") and not text.startswith("~/"):
        raise _refused(given, "lies in the home of somebody else")
    if _ADDRESS.match(text):
        raise _refused(given, "is an address, and only files of this machine's allowed folders can be opened")
    outside = _refused(given, "lies in no folder that a conversation may open")
    try:
        path = (Path(text).expanduser() if text.startswith(("~/", "/")) else Path.cwd() / text).resolve()
        inside = any(path.is_relative_to(folder.resolve()) for folder in folders)
        if not inside or _leads_out(path):
            raise outside
        mode = path.stat().st_mode if path.exists() else stat.S_IFREG
    except (OSError, RuntimeError, ValueError) as error:  # loops of links, names that no file can have
        raise outside from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise _refused(given, "is a device or a pipe, not a file")
    return path


def _leads_out(path: Path) -> bool:
    """Whether a folder holds a link to something outside of it."""
    if not path.is_dir():
        return False
    entries = islice(path.rglob("*"), MOST_ENTRIES)
    return any(entry.is_symlink() and not entry.resolve().is_relative_to(path) for entry in entries)


def _refused(given: str, why: str) -> SlideError:
    shown = given.strip() if len(given.strip()) <= 120 else given.strip()[:117] + "..."
    return SlideError(f"'{shown}' {why}.")
