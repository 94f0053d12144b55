import shutil
from pathlib import Path

import pytest

from tests.synthetic import MPP
from tools.errors import SlideError
from tools.manifest import Entry, is_cohort, read_manifest, unused_columns
from tools.prepare import PrepareOptions, prepare
from tools.workspace import Workspace

DEFAULTS = PrepareOptions(models="fake")


@pytest.fixture
def slides(tmp_path: Path, he_png: Path) -> Path:
    """A folder of three slides in two folders, two of them called the same, beside other files."""
    folder = tmp_path / "slides"
    for name in ("a/tissue.png", "b/tissue.png", "b/other.tif"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(he_png, folder / name)
    (folder / "notes.txt").write_text("no slide")
    (folder / "._tissue.png").write_text("what macOS leaves")
    return folder


def read(place: Path, workspace: Workspace) -> list[Entry]:
    return read_manifest([str(place)], workspace, DEFAULTS)


def test_a_folder_is_searched_through_and_names_are_told_apart(slides: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    entries = read(slides, workspace)
    assert [entry.state.path.relative_to(slides.resolve()).as_posix() for entry in entries] == [
        "a/tissue.png",
        "b/other.tif",
        "b/tissue.png",
    ]
    names = [entry.name for entry in entries]
    assert names[:2] == ["tissue", "other"] and names[2].startswith("tissue-")
    assert [entry.name for entry in read(slides, workspace)] == names
    assert is_cohort(str(slides), workspace) and not is_cohort(str(slides / "a" / "tissue.png"), workspace)


def test_names_of_slides_go_before_folders_called_alike(slides: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (slides / "demo").mkdir()
    monkeypatch.chdir(slides)
    known = Workspace(slides / "workspace", demo=slides / "b" / "tissue.png")
    assert not is_cohort("demo", known) and is_cohort("./demo", known)
    assert is_cohort("demo", Workspace(slides / "workspace"))
    prepare(known, str(slides / "b" / "other.tif"), PrepareOptions(MPP, models="fake"))
    (slides / "other").mkdir()
    assert not is_cohort("other", known)


def test_a_slide_that_is_known_keeps_its_name_and_the_workspace_is_no_source(slides: Path) -> None:
    workspace = Workspace(slides / "workspace")
    prepare(workspace, str(slides / "b" / "tissue.png"), PrepareOptions(MPP, models="fake"))
    (workspace.root / "exports").mkdir()
    shutil.copy(slides / "a" / "tissue.png", workspace.root / "exports" / "map.png")
    by_path = {entry.state.path.relative_to(slides.resolve()).as_posix(): entry for entry in read(slides, workspace)}
    assert by_path["b/tissue.png"].name == "tissue" and by_path["b/tissue.png"].state.state == "prepared"
    assert by_path["a/tissue.png"].name != "tissue" and len(by_path) == 3


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_gives_each_slide_its_options(slides: Path, tmp_path: Path, separator: str) -> None:
    table = tmp_path / "cohort.csv"
    rows = [
        ["Slide", "mpp", "name", "pitch_um", "patient"],
        ["slides/a/tissue.png", "0.5", "P1", "80", "x"],
        [str(slides / "b" / "tissue.png"), "", "", "", "y"],
        ["gone.svs", "", "", "", "z"],
    ]
    table.write_text("\ufeff" + "\n".join(separator.join(row) for row in rows) + "\n\n", encoding="utf-8")
    first, second, third = read(table, Workspace(tmp_path / "workspace"))
    assert (first.name, first.options) == ("P1", PrepareOptions(0.5, pitch_um=80.0, models="fake"))
    assert second.options == DEFAULTS and second.size > 0
    assert (third.state.path, third.size) == ((tmp_path / "gone.svs").resolve(), 0)  # it fails when its turn comes
    assert unused_columns([str(table)]) == ["patient"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,mpp\na.png,1\n", "no column 'slide'"),
        ("slide,mpp\nslides/a/tissue.png,half\n", "line 2: mpp is 'half'"),
        ("slide,mpp\nslides/a/tissue.png,-1\n", "above 0"),
        ("slide,layout\nslides/a/tissue.png,round\n", "no layout 'round'"),
        ("slide,name\nslides/a/tissue.png,../up\n", "cannot be a name"),
        ("slide,name\nslides/a/tissue.png,x\nslides/b/tissue.png,x\n", "needs another"),
        ("slide,mpp\nslides/a/tissue.png,1\nslides/a/tissue.png,2\n", "listed twice"),
        ("slide,mpp\n,1\n", "line 2: the column slide is empty"),
        ("slide\n", "no slide in"),
    ],
)
def test_mistakes_in_a_table_are_sentences(slides: Path, tmp_path: Path, text: str, said: str) -> None:
    table = tmp_path / "cohort.csv"
    table.write_text(text)
    with pytest.raises(SlideError, match=said):
        read(table, Workspace(tmp_path / "workspace"))


def test_a_folder_without_slides_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(SlideError, match="no slide in"):
        read(tmp_path, Workspace(tmp_path / "workspace"))


def test_space_ranger_folders_are_slides_with_spots(slides: Path, tmp_path: Path) -> None:
    spatial = slides / "sample7" / "outs" / "spatial"
    spatial.mkdir(parents=True)
    shutil.copy(slides / "a" / "tissue.png", spatial / "tissue_hires_image.png")
    (spatial / "tissue_positions_list.csv").write_text("AAA-1,1,0,0,400,300\n")
    found = {entry.name: entry for entry in read(slides, Workspace(tmp_path / "workspace"))}
    assert found["sample7"].options.spots_path == (slides / "sample7").resolve()
    assert found["sample7"].state.path == (spatial / "tissue_hires_image.png").resolve() and len(found) == 4
