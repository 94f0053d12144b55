"""Fixtures for all tests: a synthetic slide, and a workspace in which it is prepared with the fake models."""

from pathlib import Path

import pytest

from settings import apply_environment
from tests.synthetic import MPP, write_he_png
from tools.prepare import prepare
from tools.prepared import PreparedSlide
from tools.workspace import PrepareOptions, Workspace

apply_environment()
DEMO = Path(__file__).parent.parent / "demo" / "cmu_small_region.svs"


BESIDE = Path(__file__).parent.parent.parent / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--screenshots", type=Path, help="folder into which the browser tests put pictures of the journeys"
    )
    parser.addoption("--data", type=Path, default=BESIDE, help="public data, for the tests on real spots and slides")


@pytest.fixture(scope="session")
def data_folder(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.config.getoption("--data")
    if not folder.is_dir():
        pytest.skip("needs public data: pytest --data DATA")
    return folder


@pytest.fixture(scope="session")
def he_png(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_he_png(tmp_path_factory.mktemp("slides") / "tissue.png")


@pytest.fixture(scope="session")
def fake_workspace(tmp_path_factory: pytest.TempPathFactory, he_png: Path) -> Workspace:
    """A workspace where the slide "tissue" is prepared with fake models. Not to be written to."""
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    prepare(workspace, str(he_png), PrepareOptions(mpp=MPP, models="fake"))
    return workspace


@pytest.fixture(scope="session")
def tissue(fake_workspace: Workspace) -> PreparedSlide:
    return prepare(fake_workspace, "tissue")


@pytest.fixture
def demo_slide() -> Path:
    if not DEMO.exists():
        pytest.skip("the demo slide is not here; `make setup` brings it")
    return DEMO


@pytest.fixture(scope="session")
def demo_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace where the demo slide is prepared with the built-in models. Not to be written to."""
    if not DEMO.exists():
        pytest.skip("the demo slide is not here; `make setup` brings it")
    workspace = Workspace(tmp_path_factory.mktemp("demo"), DEMO)
    prepare(workspace, "demo")
    return workspace
