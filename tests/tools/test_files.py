from pathlib import Path

import pytest

from tools.files import atomic, digest, fingerprint, read_json, write_json


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"a": 1})
    with pytest.raises(RuntimeError), atomic(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert read_json(path) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["value.json"]


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00"])
def test_a_damaged_json_reads_as_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / "value.json").write_text(text)
    assert read_json(tmp_path / "value.json") == {}
    assert read_json(tmp_path / "absent.json") == {}


def test_hashes_follow_the_content(tmp_path: Path) -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 2, "b": 2})
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"x" * 3_000_000)
    b.write_bytes(b"x" * 3_000_001)
    assert fingerprint(a) != fingerprint(b)
