"""What the source may not do: unpickle a user's file, evaluate text, run a shell. No key lies in the repository."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CONVERT = "models/convert/"  # reads released checkpoints by an unpickler of its own, when the person asks for it
SOURCES = [
    path
    for folder in ("agent", "commands", "models", "tools", "viewer")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "vendor" not in path.parts
] + sorted(ROOT.glob("*.py"))
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN = {
    "eval", "exec", "compile", "__import__",
    "torch.load", "torch.jit.load", "torch.package.PackageImporter", "pd.read_pickle", "pandas.read_pickle",
    "yaml.load", "yaml.unsafe_load", "yaml.full_load", "os.system", "os.popen", "subprocess.getoutput",
    "np.loads", "joblib.load",
}  # fmt: skip
SECRETS = re.compile(
    r"\bsk-(?!fake)[A-Za-z0-9_-]{20,}|\bhf_[A-Za-z0-9]{30,}|\bgh[opsur]_[A-Za-z0-9]{30,}|\bAKIA[0-9A-Z]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bxox[abp]-[0-9A-Za-z-]{20,}|\bAIza[0-9A-Za-z_-]{35}\b"
    r"|\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}"
)


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a name or an attribute; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and dotted(node.value):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def offences(source: str) -> list[str]:
    """What a source does that it may not."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"imports {name}" for name in names if name.split(".")[0] in PICKLES]
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        if name in FORBIDDEN:
            found.append(f"calls {name}")
        for keyword in node.keywords:
            value = keyword.value.value if isinstance(keyword.value, ast.Constant) else "something computed"
            if keyword.arg == "allow_pickle" and value is not False:
                found.append("allows pickles")
            if keyword.arg == "shell" and value is not False:
                found.append("runs a shell")
            if keyword.arg == "weights_only" and value is not True:
                found.append("loads more than weights")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_unpickled_or_evaluated(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    found = offences(path.read_text())
    if name == f"{CONVERT}unpickle.py":  # subclasses pickle.Unpickler, and lets in a list of harmless types
        found = [offence for offence in found if offence != "imports pickle"]
    assert not found, f"{name} {found}"


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from joblib import load", "eval('1')", "np.load(p, allow_pickle=True)",
        "torch.load(p)", "torch.load(p, weights_only=False)", "subprocess.run(c, shell=True)", "yaml.load(t)",
        "np.load(p, allow_pickle=flag)",
    ],
)  # fmt: skip
def test_the_test_sees(source: str) -> None:
    assert offences(source)


def test_an_array_with_objects_is_not_read(tmp_path: Path) -> None:
    """NumPy's own default; the archive and the stages say it as well."""
    import numpy as np

    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        np.load(tmp_path / "a.npy")


def test_no_key_lies_in_the_repository() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout of git")
    found = []
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if not name or not path.is_file() or path.suffix in (".png", ".jpg", ".safetensors") or path.is_symlink():
            continue
        found += [f"{name}: {key[:8]}..." for key in SECRETS.findall(path.read_text(errors="ignore"))]
    assert not found
    assert SECRETS.search("sk-" + "a1" * 15) and SECRETS.search("AKIA" + "A" * 16)
