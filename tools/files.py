"""Files that are either whole or absent, and what identifies them."""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tools.errors import SlideError

HEAD_BYTES = 1 << 20
LARGE = 64 << 20  # bytes; from there on a checksum takes longer than a blink


REFUSED = {
    errno.ENOSPC: "the disk is full; free some space, or choose another folder",
    errno.EDQUOT: "the quota of this disk is used up; free some space, or choose another folder",
    errno.EFBIG: "the file would be larger than this machine allows",
    errno.EROFS: "it lies on a read-only disk; choose another folder",
    errno.EACCES: "this user may not write there; choose another folder",
    errno.EPERM: "this user may not write there; choose another folder",
}
# HDF5, NumPy, safetensors and SQLite tell of a full disk in words, without an errno.
FULL = re.compile(r"No space left|errno = 28|os error 28|\d+ requested and \d+ written|disk is full")
LEFT = re.compile(r"\..+\.(\d+)(-[0-9a-f]+)?\.part(\.\w+)?")  # the name of a half-written file, with its process
_OURS: set[str] = set()  # parts that this process is writing


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and vanishes when it does not.

    Raises SlideError where the disk does not take the file.
    """
    part = path.with_name(f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}.part{path.suffix}")
    _OURS.add(part.name)
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        _OURS.discard(part.name)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a disk that takes no more, or nothing at all, into a SlideError that says so of `path`."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        code = errno.ENOSPC if FULL.search(str(error)) else getattr(error, "errno", None)
        if code not in REFUSED:
            raise
        raise SlideError(f"{path} cannot be written: {REFUSED[code]}.") from error


def need_room(path: Path, size: int) -> None:
    """Raise SlideError where the disk of `path` has less than `size` bytes free.

    HDF5 must not run into the end of a disk: what it could not write makes it crash when the process ends.
    """
    free = shutil.disk_usage(next(folder for folder in path.parents if folder.exists())).free
    if free < size:
        raise SlideError(
            f"{path} cannot be written: it may take {size / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free on this disk."
        )


def sweep(folder: Path) -> list[Path]:
    """Remove what killed runs left half-written below `folder`; what a living process writes stays."""
    swept = []
    for part in folder.rglob(".*.part*"):
        found = LEFT.fullmatch(part.name)
        if found and part.is_file() and part.name not in _OURS and not _lives(int(found.group(1))):
            part.unlink(missing_ok=True)
            swept.append(part)
    return swept


def _lives(pid: int) -> bool:
    """Whether another process has this id; our own parts are known by name, and containers give ids again."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, atomically."""
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; {} where the file is absent or was damaged, so that what it described is made again."""
    try:
        value = json.loads(path.read_text())
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def digest(value: Any) -> str:
    """Short stable hash of plain JSON types."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def sha256(path: Path) -> str:
    """SHA-256 of a whole file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_weights(path: Path) -> str:
    """SHA-256 of a file of weights; of a large one it is kept beside it, until the file's size or time changes."""
    stat = path.stat()
    if stat.st_size < LARGE:
        return sha256(path)
    kept = path.with_name(".sha256.json")
    known = read_json(kept)
    entry = [stat.st_size, stat.st_mtime_ns]
    if known.get(path.name, [])[:2] != entry:
        known[path.name] = [*entry, sha256(path)]
        if os.access(path.parent, os.W_OK):
            write_json(kept, known)
    return str(known[path.name][2])


def fingerprint(path: Path) -> str:
    """What identifies a large file without reading it whole: its size and its first and last MiB."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
        stream.seek(max(0, size - HEAD_BYTES))
        tail = stream.read(HEAD_BYTES)
    return hashlib.sha256(str(size).encode() + head + tail).hexdigest()[:16]
