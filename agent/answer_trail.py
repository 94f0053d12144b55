"""The trail of answers: what was asked, which tools ran on what, with which models, and what they said.

<workspace>/audit/answers.jsonl   one JSON object a line, appended; a full one becomes answers-1.jsonl, and so on
Every entry stands alone: it holds what the conversation knew before (regions, selection), so that `replay` needs no
other.
"""

import hashlib
import json
import os
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock

from agent.session import Call, Layer, Session
from agent.snapshot import state_of
from tools.errors import SlideError
from tools.files import fingerprint
from tools.logs import event
from tools.redact import redacted

Entry = dict[str, Any]
FOLDER, FILE = "audit", "answers.jsonl"
KEPT_FILES = 5
ROOT = Path(__file__).parent.parent


class Trail:
    """The trail of one workspace. `by` says through which door, `models` which chat model was asked."""

    def __init__(self, root: Path, most_mb: int = 50, by: str = "", chat_model: str = "") -> None:
        self._folder, self._most = root / FOLDER, most_mb * 1_000_000
        self._by, self._chat_model = by, chat_model

    def begin(self, session: Session) -> Entry:
        """What holds before a turn; `write` completes it."""
        return {"before": state_of(session)}

    def write(self, begun: Entry, session: Session, said: dict[str, str], calls: tuple[Call, ...]) -> str:
        """Append an entry and return its id. `said` has question and answer, and may have id and by."""
        name = said.get("id") or new_id()
        slide = slide_of(session)
        entry: Entry = {
            "id": name,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "by": said.get("by") or self._by,
            "question": said["question"],
            "answer": said["answer"],
            "chat_model": self._chat_model,
            "code": code_version(),
            "slide": slide,
            "models": models_of(session),
            "calls": [call_entry(call, session.layers) for call in calls],
        }
        self._append(redacted(json.dumps(entry | begun, default=str, ensure_ascii=False)))
        event("answer", answer=name, tools=[call.tool for call in calls], slide=slide.get("name"))
        return name

    def entries(self) -> Iterator[Entry]:
        """All that is kept, oldest first; a line that was cut off is left out."""
        for path in [self._numbered(n) for n in range(KEPT_FILES - 1, 0, -1)] + [self._folder / FILE]:
            yield from read_entries(path)

    def _append(self, line: str) -> None:
        """One line, in one write, however many processes append."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / FILE
        with FileLock(self._folder / ".lock"):
            if path.exists() and path.stat().st_size > self._most:
                for n in range(KEPT_FILES - 1, 1, -1):
                    if self._numbered(n - 1).exists():
                        self._numbered(n - 1).replace(self._numbered(n))
                path.replace(self._numbered(1))
            file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                size = os.fstat(file).st_size
                cut_off = size > 0 and os.pread(file, 1, size - 1) != b"\n"
                os.write(file, (("\n" if cut_off else "") + line + "\n").encode())
            finally:
                os.close(file)

    def _numbered(self, n: int) -> Path:
        return self._folder / f"answers-{n}.jsonl"


def read_entries(path: Path) -> Iterator[Entry]:
    """Entries of one file, oldest first; none where it is absent."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(entry, dict) and "calls" in entry:
                yield entry


def new_id() -> str:
    """A name for an answer or a request."""
    return uuid4().hex[:16]


def call_entry(call: Call, layers: dict[str, Layer]) -> Entry:
    """A tool call with what it returned: words, numbers, and a digest of every map that it made."""
    artifacts = [{k: v for k, v in artifact.items() if k != "path"} for artifact in call.artifacts]
    made = [str(artifact["layer"]) for artifact in artifacts if artifact["kind"] == "layer"]
    return {
        "tool": call.tool,
        "args": call.args,
        "failed": call.failed,
        "ms": round(call.ms, 1),
        "words": call.words,
        "artifacts": artifacts,
        "maps": {name: hashlib.sha256(layers[name].values.tobytes()).hexdigest() for name in made if name in layers},
        "sha256": hashlib.sha256(json.dumps([call.words, artifacts], sort_keys=True, default=str).encode()).hexdigest(),
    }


def slide_of(session: Session) -> Entry:
    """The open slide: its name, and what identifies its file."""
    if session.slide is None:
        return {"name": session.opened} if session.opened else {}
    try:
        mark = _fingerprint(session.slide.path)
    except (OSError, SlideError):
        mark = ""  # the file left; what was inferred from it is still asked
    return {"name": session.slide.name, "fingerprint": mark, "mpp": session.slide.mpp}


def _fingerprint(path: Path) -> str:
    stat = path.stat()
    return _fingerprint_of(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _fingerprint_of(path: Path, _size: int, _mtime: int) -> str:
    return fingerprint(path)


def models_of(session: Session) -> Entry:
    """Role -> name and checksum of the weights, as they were when the slide was prepared."""
    if session.slide is None:
        return {}
    provenance = session.slide.provenance
    sums = dict(provenance.get("sha256", {}))
    return {role: {"name": str(n), "sha256": str(sums.get(n, ""))} for role, n in provenance.get("models", {}).items()}


@cache
def code_version() -> str:
    """Version and, in a checkout, the commit."""
    version = str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
    head = ROOT / ".git" / "HEAD"
    if not head.is_file():
        return version
    text = head.read_text().strip()
    commit = text
    if text.startswith("ref: "):
        ref, packed = ROOT / ".git" / text[5:], ROOT / ".git" / "packed-refs"
        lines = packed.read_text().splitlines() if packed.is_file() else []
        found = [line.split()[0] for line in lines if line.endswith(f" {text[5:]}")]
        commit = ref.read_text().strip() if ref.is_file() else (found or [""])[0]
    return f"{version}+{commit[:12]}" if commit else version
