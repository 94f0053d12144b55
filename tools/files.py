"""Files that are either whole or absent, and what identifies them."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HEAD_BYTES = 1 << 20
LARGE = 64 << 20  # bytes; from there on a checksum takes longer than a blink


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and vanishes when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically."""
    with atomic(path) as part:
        part.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; {} where the file is absent or was damaged, so that what it described is made again."""
    try:
        value = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
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
