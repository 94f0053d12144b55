"""Every file that the application writes is whole or absent: writing calls stand in a block that swaps it in."""

import ast
from pathlib import Path

import pytest

from tests.test_architecture import ROOT, SOURCES

WRITERS = {"write_text", "write_bytes", "save", "savez", "savefig", "to_csv", "write_h5ad", "save_file", "copyfileobj"}
SWAPS = {"atomic", "whole"}  # tools.files, and its like in models/
TARGETS = {"part", "stream", "full", "small", "buffer", "out"}  # what such a block hands out, or memory
WHOLE_FOLDERS = {"models/convert", "setup_env.py"}  # write a folder aside and swap it in
BLOCKS = {
    "models/published/rank_encoding.py",
    "tools/on_disk.py",
    "tools/files.py",
}  # write what such a block gave them


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def writes(call: ast.Call) -> bool:
    """Whether a call writes a file: a writer of the list, or `open` for writing."""
    if name_of(call) == "open":
        modes = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        return any(mode[:1] in "wax" and len(mode) <= 3 for mode in modes if mode)
    return name_of(call) in WRITERS


def goes_to(call: ast.Call) -> set[str]:
    """Names of the variables through which a writing call reaches its file."""
    return {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}


def naked_writes(tree: ast.Module) -> list[int]:
    """Lines of writing calls outside of any swapping block and to nothing that such a block gives."""
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any(
            isinstance(item.context_expr, ast.Call) and name_of(item.context_expr) in SWAPS for item in node.items
        ):
            inside |= set(ast.walk(node))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and writes(node)]
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return [
        call.lineno
        for call in calls
        if call not in inside and not goes_to(call) & TARGETS and not (name_of(call) in own or is_ours(call))
    ]


def is_ours(call: ast.Call) -> bool:
    """Our own writers, called by their bare name or through `files` and `export`, are looked at where they are."""
    if isinstance(call.func, ast.Name):
        return call.func.id in {"write_text", "write_h5ad"}
    return isinstance(call.func.value, ast.Name) and call.func.value.id in {"files", "export"}


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_writes_swap_whole_files_in(path: Path) -> None:
    if str(path) in BLOCKS or any(str(path).startswith(place) for place in WHOLE_FOLDERS):
        return
    lines = naked_writes(ast.parse((ROOT / path).read_text()))
    assert not lines, f"{path}, lines {lines}: write through tools.files.atomic"


def test_a_naked_write_is_seen() -> None:
    assert naked_writes(ast.parse("path.write_text('x')")) == [1]
    assert naked_writes(ast.parse("with path.open('w') as file: file.write('x')")) == [1]
    assert naked_writes(ast.parse("with atomic(path) as part:\n    np.save(part, x)")) == []
    assert naked_writes(ast.parse("path.open('rb').read()")) == []
