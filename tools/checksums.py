"""Checksums of what the stages wrote, kept beside it, and whether a file still is what was written."""

from pathlib import Path

from tools.files import read_json, sha256, write_json

NAME = "checksums.json"


def seal(path: Path) -> None:
    """Note size, time and SHA-256 of a file that was just written."""
    book = path.parent / NAME
    stat = path.stat()
    write_json(book, read_json(book) | {path.name: [stat.st_size, stat.st_mtime_ns, sha256(path)]})


def sealed(path: Path) -> bool:
    """Whether a checksum of this file is kept."""
    return _entry(path) is not None


def cut(path: Path) -> bool:
    """Whether a file is absent or has another size than was written; a glance that reads nothing of it."""
    entry = _entry(path)
    return not path.is_file() or (entry is not None and entry[0] != path.stat().st_size)


def damage(path: Path, *, thorough: bool = False) -> str:
    """What is wrong with a file, in words, or "". Of one whose size and time are as written it is believed to be whole.

    `thorough` reads it whatever its time says. A file without a checksum is not judged.
    """
    entry = _entry(path)
    if not path.is_file():
        return "is missing"
    if entry is None:
        return ""
    stat = path.stat()
    size, mtime_ns, digest = entry
    if stat.st_size != size:
        return f"has {stat.st_size:,} bytes where {size:,} were written"
    if (thorough or stat.st_mtime_ns != mtime_ns) and sha256(path) != digest:
        return "is not what was written: its checksum differs"
    return ""


def _entry(path: Path) -> tuple[int, int, str] | None:
    match read_json(path.parent / NAME).get(path.name):
        case [int(size), int(mtime_ns), str(digest)]:
            return size, mtime_ns, digest
    return None
