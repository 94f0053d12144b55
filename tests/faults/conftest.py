"""A workspace that may be damaged: a copy of the one in which the synthetic slide is prepared."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.index import discard
from tools.workspace import Workspace


@pytest.fixture
def damaged(fake_workspace: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    root = tmp_path / "damaged"
    shutil.copytree(fake_workspace.root, root)
    yield Workspace(root)
    discard(root / "chroma")  # Chroma keeps a client per folder
