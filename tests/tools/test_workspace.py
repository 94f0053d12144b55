from pathlib import Path

import pytest

from tools.errors import SlideError
from tools.workspace import PrepareOptions, SlideState, Workspace


def test_what_is_registered_is_read_back(tmp_path: Path, he_png: Path) -> None:
    workspace = Workspace(tmp_path)
    options = PrepareOptions(0.5, tmp_path / "spots.csv", 55.0, 80.0, "square", "fake")
    workspace.register(SlideState("tissue", he_png, options, "new", {"mpp": 0.5}))
    found = workspace.get("tissue")
    assert found.options == options and found.path == he_png and found.state == "new" and found.mpp == 0.5
    assert [slide.name for slide in workspace.slides()] == ["tissue"]


def test_a_slide_is_found_by_name_path_and_demo(fake_workspace: Workspace, he_png: Path) -> None:
    assert fake_workspace.find("tissue").state == "prepared"
    assert fake_workspace.find(str(he_png)).name == "tissue"
    assert Workspace(fake_workspace.root, he_png).find("demo").name == "tissue"


def test_two_files_of_one_name_get_two_folders(fake_workspace: Workspace, tmp_path: Path) -> None:
    other = tmp_path / "tissue.png"
    other.write_bytes(b"other")
    assert fake_workspace.find(str(other)).name not in ("tissue", "")


@pytest.mark.parametrize("name", ["../etc", "a/b", "", ".hidden", "..", "x\0y"])
def test_names_never_lead_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(SlideError, match="not the name"):
        Workspace(tmp_path).folder(name)


def test_unknown_slides_answer_with_the_known_ones(fake_workspace: Workspace) -> None:
    with pytest.raises(SlideError, match="known: tissue"):
        fake_workspace.find("nothing")
    with pytest.raises(SlideError, match="known: tissue"):
        fake_workspace.get("nothing")


def test_a_missing_demo_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SlideError, match="make demo"):
        Workspace(tmp_path, tmp_path / "demo.svs").find("demo")
