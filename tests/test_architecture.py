"""Imports go one way, and every outside library has one door."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = ["models", "tools", "agent", "viewer", "commands"]  # each may import itself and what stands before it
TOP = {"app", "settings", "terminal", "setup_env"}
ALLOWED = {"viewer": {"settings"}, "commands": {"settings", "terminal"}}  # of the top level, beside what is below
DOORS = {
    "openslide": ["tools/slide.py", "tools/flat_image.py"],
    "chromadb": ["tools/index.py"],
    "torch": ["models/"],
    "transformers": ["models/"],
    "tokenizers": ["models/"],
    "huggingface_hub": ["models/hub.py"],
    "pickle": ["models/convert/unpickle.py"],
    "langchain": ["agent/"],
    "langchain_core": ["agent/"],
    "langchain_openai": ["agent/"],
    "langgraph": ["agent/"],
    "openai": ["agent/"],
    "mcp": ["agent/"],
    "gradio": ["viewer/"],
    "fastapi": ["viewer/"],
    "ray": ["tools/cohort.py"],
    "typer": ["app.py", "commands/", "terminal.py"],
    "tqdm": ["terminal.py"],
    "umap": ["tools/umap.py"],
    "matplotlib": ["tools/benchmark/figures.py"],
    "jinja2": ["tools/benchmark/report.py"],
    "yaml": ["tools/benchmark/config.py", "models/convert/deepspot.py"],
    "pydantic_settings": ["settings.py"],
}
SOURCES = [
    path.relative_to(ROOT)
    for path in [*ROOT.glob("*.py"), *(p for folder in ORDER for p in (ROOT / folder).rglob("*.py"))]
    if "vendor" not in path.parts
]


def imported(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_go_one_way(path: Path) -> None:
    layer = path.parts[0]
    if layer not in ORDER:
        return
    above = set(ORDER[ORDER.index(layer) + 1 :]) | (TOP - ALLOWED.get(layer, set()))
    wrong = {name for name in imported(path) if name.split(".")[0] in above}
    assert not wrong, f"{path} imports {wrong} from above"


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_libraries_have_one_door(path: Path) -> None:
    for name in imported(path):
        doors = DOORS.get(name.split(".")[0])
        if doors is not None:
            assert any(str(path).startswith(door) for door in doors), f"{path} imports {name}; its door is {doors}"


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_environment_is_read_in_one_place(path: Path) -> None:
    if path.name in ("settings.py", "setup_env.py"):
        return
    text = (ROOT / path).read_text()
    assert "os.environ" not in text and "getenv" not in text


def test_there_is_something_in_every_layer() -> None:
    for layer in ORDER:
        assert any(path.parts[0] == layer for path in SOURCES)


def test_listing_models_imports_no_torch() -> None:
    code = "import sys, models.registry as r; assert r.cards(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    heavy = "torch gradio langchain chromadb anndata transformers sklearn ray pandas scipy"
    code = f"import sys, app; loaded = set('{heavy}'.split()) & set(sys.modules); assert not loaded, loaded"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
