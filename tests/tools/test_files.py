from pathlib import Path

import pytest

from tools.files import LARGE, atomic, digest, fingerprint, read_json, sha256, sha256_of_weights, write_json


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


def test_checksums_of_large_weights_are_kept_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.truncate(LARGE)
    first = sha256_of_weights(path)
    assert first == sha256(path) and set(read_json(tmp_path / ".sha256.json")) == {path.name}
    kept = read_json(tmp_path / ".sha256.json")
    write_json(tmp_path / ".sha256.json", {path.name: [*kept[path.name][:2], "kept"]})
    assert sha256_of_weights(path) == "kept"  # it is not read again
    with path.open("r+b") as file:
        file.write(b"other")
    assert sha256_of_weights(path) == sha256(path) != first


def test_small_weights_leave_nothing_beside_them(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert sha256_of_weights(tmp_path / "config.json") == sha256(tmp_path / "config.json")
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
