"""Readers of public data on small copies of their formats."""

import gzip

import numpy as np
import pytest
from PIL import Image

from tools.datasets import consep, her2st
from tools.datasets.concepts import concepts
from tools.datasets.sections import cut_square, log1p_cp10k


def test_cut_square_is_centred_and_white_outside():
    rgb = np.zeros((40, 60, 3), np.uint8)
    rgb[10:20, 30:40] = 200
    inner = cut_square(rgb, np.array([35.0, 15.0]), 10.0, 10)
    assert (inner == 200).all()
    corner = cut_square(rgb, np.array([0.0, 0.0]), 10.0, 10)
    assert (corner[:4, :4] == 255).all() and (corner[6:, 6:] == 0).all()


def test_log1p_cp10k_is_scaled_over_all_genes():
    x = log1p_cp10k(np.array([[1, 3], [0, 0]], np.float32))
    np.testing.assert_allclose(np.expm1(x[0]), [2500, 7500], rtol=1e-4)
    assert (x[1] == 0).all()


def _zip(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt") as file:
        file.write(text)


def test_her2st_joins_by_array_position(tmp_path):
    _zip(tmp_path / "counts" / "B1.tsv.gz", "\tKRT5\tCD3D\n3x4\t1\t2\n9x9\t5\t5\n5x6\t3\t0\n")
    (tmp_path / "spotfiles").mkdir()
    (tmp_path / "spotfiles" / "B1_selection.tsv").write_text(
        "x\ty\tnew_x\tnew_y\tpixel_x\tpixel_y\tselected\n5\t6\t5.02\t5.99\t500\t600\t1\n3\t4\t3.01\t4.0\t300\t400\t1\n"
    )
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "B1_labeled_coordinates.tsv").write_text(
        "Row.names\tx\ty\tpixel_x\tpixel_y\tlabel\n"
        "a\t3.01\t4.0\t1\t1\timmune infiltrate\nb\t5.02\t5.99\t1\t1\tundetermined\n"
    )
    section = her2st.read_section(tmp_path, "B1")
    assert section.ids == ("3x4", "5x6")
    assert section.l0_xy.tolist() == [[300.0, 400.0], [500.0, 600.0]]
    assert section.labels.tolist() == ["immune infiltrate", ""]
    assert section.counts.tolist() == [[1.0, 2.0], [3.0, 0.0]]


def test_consep_patches_join_into_one_field(tmp_path):
    whole = np.random.default_rng(0).integers(0, 255, (1000, 1000, 3), dtype=np.uint8)
    (tmp_path / "images").mkdir()
    rows = ["split,image,source_image,patch_index,n_other,n_inflammatory,n_epithelial,n_spindle,dominant"]
    for (row, column), index in np.ndenumerate(consep.ORDER):
        y, x = consep.OFFSETS_PX[row], consep.OFFSETS_PX[column]
        Image.fromarray(whole[y : y + 256, x : x + 256]).save(tmp_path / "images" / f"{index}.png")
        rows.append(f"train,{index}.png,one,{index},0,1,2,{index},spindle")
    (tmp_path / "patch_labels.csv").write_text("\n".join(rows))
    (source,) = consep.read_sources(tmp_path)
    assert (consep.mosaic(source) == whole).all()
    fields = consep.fields([source], 112.0, 64)
    assert fields.tiles.shape == (9, 64, 64, 3) and fields.counts.shape == (9, 4)
    assert fields.counts[0].tolist() == [0.0, 4.0, 8.0, float(0 + 1 + 3 + 4)]
    assert fields.neighbours.max() == 8


def test_concepts_have_phrases_and_genes():
    found = concepts()
    phrases = [phrase for names, _ in found for phrase in names]
    assert len(found) > 50 and len(phrases) == len(set(phrases))
    assert all(len(genes) >= 6 for _, genes in found)


@pytest.mark.parametrize("name", ["epidermis", "T cells", "collagen", "fat", "immune cells"])
def test_concepts_hold_what_people_ask(name):
    assert any(name in names for names, _ in concepts())
