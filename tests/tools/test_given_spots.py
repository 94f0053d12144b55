import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from tests.synthetic import HEIGHT, WIDTH
from tools.errors import MppNeeded, SlideError
from tools.given_spots import is_space_ranger, read_spots, space_ranger_image
from tools.slide import open_slide

COLUMNS = ["barcode", "in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres"]
LUNG = Path(__file__).parents[3] / "shared" / "data" / "lung" / "V10F24-110_C1"


def positions() -> pd.DataFrame:
    """Hexagonal spots, 50 px apart, that fill the synthetic slide; every tenth is off tissue."""
    rows = []
    for row in range(int(HEIGHT / 43.3) - 1):
        for col in range(row % 2, int(WIDTH / 25) - 1, 2):
            barcode = f"S{row:02d}{col:02d}-1"
            rows.append([barcode, int(len(rows) % 10 != 0), row, col, round(30 + row * 43.3), round(25 + col * 25)])
    return pd.DataFrame(rows, columns=COLUMNS)


def write_folder(folder: Path, name: str, table: pd.DataFrame, scale: float = 1.0) -> Path:
    spatial = folder / "spatial"
    spatial.mkdir(parents=True)
    if name.endswith(".parquet"):
        table.to_parquet(spatial / name)
    else:
        table.to_csv(spatial / name, index=False, header=name == "tissue_positions.csv")
    (spatial / "scalefactors_json.json").write_text(json.dumps({"tissue_hires_scalef": scale}))
    return folder


@pytest.mark.parametrize("name", ["tissue_positions.csv", "tissue_positions_list.csv", "tissue_positions.parquet"])
def test_every_version_of_space_ranger(tmp_path: Path, he_png: Path, name: str) -> None:
    table = positions()
    spots = read_spots(write_folder(tmp_path / "outs", name, table), open_slide(he_png))
    kept = table[table.in_tissue == 1]
    assert list(spots.ids) == kept.barcode.tolist()
    assert (spots.l0_xy == kept[["pxl_col_in_fullres", "pxl_row_in_fullres"]].to_numpy()).all()
    assert spots.mpp == pytest.approx(2.0, rel=0.02)  # 100 um are 50 px
    assert spots.pitch_um == pytest.approx(100, rel=0.02)


def test_positions_are_scaled_to_the_hires_image(tmp_path: Path, he_png: Path) -> None:
    table = positions()
    table[COLUMNS[4:]] *= 10
    hires = tmp_path / "tissue_hires_image.png"
    hires.write_bytes(he_png.read_bytes())
    spots = read_spots(write_folder(tmp_path / "outs", "tissue_positions.csv", table, 0.1), open_slide(hires))
    assert spots.l0_xy[:, 0].max() < WIDTH and spots.mpp == pytest.approx(2.0, rel=0.02)


def test_swapped_axes_are_noticed(tmp_path: Path, he_png: Path) -> None:
    table = positions().rename(columns={COLUMNS[4]: COLUMNS[5], COLUMNS[5]: COLUMNS[4]})
    with pytest.raises(SlideError, match="swapped"):
        read_spots(write_folder(tmp_path / "outs", "tissue_positions.csv", table[COLUMNS]), open_slide(he_png))


def test_another_scale_is_noticed(tmp_path: Path, he_png: Path) -> None:
    table = positions()
    table[COLUMNS[4:]] *= 7
    with pytest.raises(SlideError, match="another image or another scale"):
        read_spots(write_folder(tmp_path / "outs", "tissue_positions.csv", table), open_slide(he_png))


def test_h5ad_and_csv_give_the_same_spots(tmp_path: Path, he_png: Path) -> None:
    table = positions().query("in_tissue == 1")
    xy = table[[COLUMNS[5], COLUMNS[4]]].to_numpy(float)
    data = anndata.AnnData(np.zeros((len(table), 2), np.float32), obs=pd.DataFrame(index=table.barcode.to_numpy()))
    data.obsm["spatial"] = xy
    data.write_h5ad(tmp_path / "spots.h5ad")
    frame = pd.DataFrame({"barcode": table.barcode, "x": xy[:, 0], "y": xy[:, 1]})
    frame.to_csv(tmp_path / "spots.csv", index=False)
    slide = open_slide(he_png, 2.0)
    a, b = (read_spots(tmp_path / name, slide) for name in ("spots.h5ad", "spots.csv"))
    assert a.ids == b.ids and (a.l0_xy == b.l0_xy).all() and a.pitch_um == pytest.approx(b.pitch_um)


def test_deepspot_files_have_the_row_in_x(tmp_path: Path, he_png: Path) -> None:
    obs = pd.DataFrame({"x_pixel": [100.0, 700.0], "y_pixel": [1100.0, 200.0]}, index=["a", "b"])
    anndata.AnnData(np.zeros((2, 1), np.float32), obs=obs).write_h5ad(tmp_path / "spots.h5ad")
    spots = read_spots(tmp_path / "spots.h5ad", open_slide(he_png, 1.0))
    assert spots.l0_xy.tolist() == [[1100.0, 100.0], [200.0, 700.0]]


def test_csv_without_mpp_asks(tmp_path: Path, he_png: Path) -> None:
    (tmp_path / "spots.csv").write_text("spot,x,y\na,10,20\nb,30,40\n")
    with pytest.raises(MppNeeded):
        read_spots(tmp_path / "spots.csv", open_slide(he_png))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("spot,x,y\na,1,2\na,3,4\n", "twice"),
        ("spot,left,top\na,1,2\n", "needs columns x and y"),
        ("spot,x,y\na,1,2\nb,what,4\n", "finite"),
        ("spot,x,y\n", "0 usable spots"),
    ],
)
def test_bad_tables_get_a_sentence(tmp_path: Path, he_png: Path, text: str, words: str) -> None:
    (tmp_path / "spots.csv").write_text(text)
    with pytest.raises(SlideError, match=words):
        read_spots(tmp_path / "spots.csv", open_slide(he_png, 1.0))


def test_missing_spots_get_a_sentence(tmp_path: Path, he_png: Path) -> None:
    with pytest.raises(SlideError, match="no such file"):
        read_spots(tmp_path / "nothing", open_slide(he_png, 1.0))
    with pytest.raises(SlideError, match="no Space Ranger folder"):
        read_spots(tmp_path, open_slide(he_png, 1.0))
    assert not is_space_ranger(tmp_path)


@pytest.mark.skipif(not LUNG.exists(), reason="the real Visium section is not on this machine")
def test_a_real_section() -> None:
    image = space_ranger_image(LUNG)
    spots = read_spots(LUNG, open_slide(image))
    assert len(spots) == 756 and spots.mpp == pytest.approx(4.14, rel=0.01)
