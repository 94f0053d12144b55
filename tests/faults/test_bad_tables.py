"""Spots, counts and annotations as people really have them: read, or refused with one sentence."""

from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from PIL import Image

from models.fakes import GENES
from tools.annotations import read_annotations
from tools.errors import SlideError
from tools.given_spots import read_spots
from tools.measured import open_measured
from tools.prepared import PreparedSlide
from tools.slide import Slide, open_slide

PLACES = [(200 + 50 * i, 150 + 50 * j) for i in range(15) for j in range(10)]


def table(line: str = "s{i},{x},{y}", head: str = "spot,x,y", more: str = "") -> str:
    return "\n".join([head, *(line.format(i=i, x=x, y=y) for i, (x, y) in enumerate(PLACES))]) + more


@pytest.fixture(scope="module")
def slide(he_png: Path) -> Slide:
    return open_slide(he_png, 1.0)


READ: dict[str, bytes] = {
    "semicolons": table("s{i};{x};{y}", "spot;x;y").encode(),
    "tabs": table("s{i}\t{x}\t{y}", "spot\tx\ty").encode(),
    "a byte order mark": table().encode("utf-8-sig"),
    "UTF-16": table().encode("utf-16"),
    "CRLF": table().replace("\n", "\r\n").encode(),
    "capitals": table(head="Spot,X,Y").encode(),
    "numbers as ids": table("{i},{x},{y}").encode(),
    "no ids": table("{x},{y}", "x,y").encode(),
    "array positions that are none": table("s{i},{x},{y},a,", "spot,x,y,array_row,array_col").encode(),
}


@pytest.mark.parametrize("text", READ.values(), ids=READ)
def test_tables_of_every_kind_are_read(tmp_path: Path, slide: Slide, text: bytes) -> None:
    (tmp_path / "spots.csv").write_bytes(text)
    spots = read_spots(tmp_path / "spots.csv", slide)
    assert spots.l0_xy.tolist() == [list(map(float, place)) for place in PLACES] and spots.pitch_um == 50


REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not a table"),
    "a header": (b"spot,x,y\n", "at least 2"),
    "no y": (b"spot,x\na,1\nb,2", "needs columns x and y"),
    "an id twice": (table(more="\ns1,300,300").encode(), "some spots twice"),
    "a column twice": (table("s{i},{x},{x},{y}", "spot,x,X,y").encode(), "two columns called x"),
    "no number": (table(more="\nlast,nan,3").encode(), "1 of 151 spots is no finite number"),
    "infinity": (table(more="\nlast,inf,3").encode(), "1 of 151 spots is no finite number"),
    "an absurd number": (table(more="\nlast,1e300,3").encode(), "far outside"),
    "decimal commas": (table("s{i};{x},5;{y},5", "spot;x;y").encode(), "with a point"),
    "thousands": (table('s{i},"1,{x}",{y}').encode(), "without thousands separators"),
    "thousands with points": (table("s{i};1.{x};{y}", "spot;x;y").encode(), "thousands separators read as"),
    "one place": (("spot,x,y\n" + "\n".join(f"s{i},300,300" for i in range(9))).encode(), "same place"),
    "more fields": (table(more="\nlast,1,2,3,4,5").encode(), "not a table"),
    "NUL": (table(more="\n\0\0\0").encode(), "no finite number"),
    "no text": (b"\x80\x81\xff" * 99, "not a table"),
    "another slide": (table("s{i},5{x},{y}").encode(), "another image or another scale"),
    "swapped": (table("s{i},{y},1{x}").encode(), "lie outside"),
}


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant_is_said(tmp_path: Path, slide: Slide, text: bytes, words: str) -> None:
    (tmp_path / "spots.csv").write_bytes(text)
    with pytest.raises(SlideError, match=words) as refused:
        read_spots(tmp_path / "spots.csv", slide)
    assert "spots.csv" in str(refused.value) and "\n" not in str(refused.value)


def test_rows_and_columns_that_are_swapped_are_noticed_by_the_tissue(tmp_path: Path) -> None:
    """On a square slide swapped spots still lie inside; but the tissue is at the right."""
    pixels = np.full((1000, 1000, 3), 244, np.uint8)
    pixels[100:900, 600:950] = (200, 90, 160)
    pixels[100:900:3, 600:950:3] = (90, 40, 120)
    Image.fromarray(pixels).save(tmp_path / "square.png")
    square = open_slide(tmp_path / "square.png", 1.0)
    lines = [f"s{i}x{j},{650 + 50 * i},{150 + 50 * j}" for i in range(6) for j in range(14)]
    (tmp_path / "right.csv").write_text("spot,x,y\n" + "\n".join(lines))
    (tmp_path / "wrong.csv").write_text("spot,y,x\n" + "\n".join(lines))
    assert len(read_spots(tmp_path / "right.csv", square)) == len(lines)
    with pytest.raises(SlideError, match=r"lie on tissue.*x and y look swapped; x is the column"):
        read_spots(tmp_path / "wrong.csv", square)


COUNTS = np.random.default_rng(0).poisson(2, (30, len(GENES))).astype(np.float32)


def counts(x: object = COUNTS, genes: list[str] | None = None) -> anndata.AnnData:
    index = [f"s{i}" for i in range(x.shape[0])]  # type: ignore[attr-defined]
    data = anndata.AnnData(x, pd.DataFrame(index=index), pd.DataFrame(index=genes or list(GENES)))
    data.obsm["spatial"] = np.array(PLACES[: len(index)], float)
    return data


def opened(tmp_path: Path, data: anndata.AnnData) -> PreparedSlide:
    data.write_h5ad(tmp_path / "counts.h5ad")
    return open_measured(tmp_path / "counts.h5ad", "fake")


@pytest.mark.parametrize(
    "x",
    [
        scipy.sparse.csr_matrix(COUNTS),
        scipy.sparse.csc_matrix(COUNTS),
        COUNTS.astype(np.int64),
        COUNTS.astype(np.uint8),
    ],
    ids=["csr", "csc", "int64", "uint8"],
)
def test_the_storage_of_counts_does_not_matter(tmp_path: Path, x: object) -> None:
    plain = opened(tmp_path, counts()).text_scores("immune")
    assert np.allclose(opened(tmp_path, counts(x)).text_scores("immune"), plain)


def test_logged_counts_are_taken_as_they_are_and_a_layer_of_counts_first(tmp_path: Path) -> None:
    plain = opened(tmp_path, counts()).text_scores("immune")
    logged = counts(np.log1p(COUNTS / COUNTS.sum(axis=1, keepdims=True) * 1e4))
    assert np.allclose(opened(tmp_path, logged).text_scores("immune"), plain, atol=1e-4)
    logged.X = np.asarray(logged.X) - 3
    logged.layers["counts"] = COUNTS
    assert np.allclose(opened(tmp_path, logged).text_scores("immune"), plain, atol=1e-4)


NAMES: dict[str, tuple[list[str], str]] = {
    "lower case": ([gene.lower() for gene in GENES], "lower case, or of mouse"),
    "mouse": ([gene.capitalize() for gene in GENES], "lower case, or of mouse"),
    "a genome in front": ([f"GRCh38__{gene}" for gene in GENES], "genome in front"),
}


@pytest.mark.parametrize(("genes", "words"), NAMES.values(), ids=NAMES)
def test_gene_names_are_read_as_human_symbols_and_it_is_said(tmp_path: Path, genes: list[str], words: str) -> None:
    found = opened(tmp_path, counts(genes=genes))
    assert list(found.adata.var_names) == list(GENES) and any(words in note for note in found.notes)


def test_ensembl_ids_need_symbols_beside_them(tmp_path: Path) -> None:
    data = counts(genes=[f"ENSG{i:011d}.3" for i in range(len(GENES))])
    with pytest.raises(SlideError, match="by Ensembl id"):
        opened(tmp_path, data)
    data.var["gene_symbols"] = list(GENES)
    assert list(opened(tmp_path, data).adata.var_names) == list(GENES)


@pytest.mark.filterwarnings("ignore:.* names are not unique:UserWarning")  # of the file that is made here
def test_genes_and_spots_that_occur_twice(tmp_path: Path) -> None:
    data = counts(genes=[GENES[0], GENES[0], *GENES[2:]])
    data.obs_names = ["same"] * data.n_obs
    found = opened(tmp_path, data)
    assert any("1 gene names occur more than once" in note for note in found.notes)
    assert len(set(found.spots.ids)) == data.n_obs


BAD: dict[str, tuple[Callable[[], anndata.AnnData], str]] = {
    "negative": (lambda: counts(COUNTS - 5), "negative or missing"),
    "NaN": (lambda: counts(np.where(COUNTS > 4, np.nan, COUNTS)), "negative or missing"),
    "infinite": (lambda: counts(np.where(COUNTS > 4, np.inf, COUNTS)), "negative or missing"),
    "another scale": (lambda: counts(np.log1p(COUNTS / COUNTS.sum(axis=1, keepdims=True) * 1e6)), "neither counts nor"),
    "no genes of ours": (lambda: counts(genes=[f"ZZ{i}" for i in range(len(GENES))]), "None of the 60 genes"),
    "no spots": (lambda: counts(COUNTS[:0]), "no expression: 0 spots"),
}


@pytest.mark.parametrize(("make", "words"), BAD.values(), ids=BAD)
def test_what_is_no_expression_is_refused(tmp_path: Path, make: Callable[[], anndata.AnnData], words: str) -> None:
    with pytest.raises(SlideError, match=words):
        opened(tmp_path, make())


@pytest.mark.parametrize("size", [0, 8, 100, 9000])
def test_a_cut_h5ad_is_refused(tmp_path: Path, slide: Slide, size: int) -> None:
    path = tmp_path / "cut.h5ad"
    counts().write_h5ad(path)
    path.write_bytes(path.read_bytes()[:size])
    for read in (lambda: open_measured(path, "fake"), lambda: read_spots(path, slide)):
        with pytest.raises(SlideError, match=r"cut\.h5ad is not an h5ad that can be read, or it is damaged"):
            read()


@pytest.mark.filterwarnings("ignore::anndata.OldFormatWarning")
def test_another_hdf5_file_is_refused(tmp_path: Path, slide: Slide) -> None:
    with h5py.File(tmp_path / "other.h5ad", "w") as file:
        file["x"] = 1
    with pytest.raises(SlideError, match="not an h5ad"):
        read_spots(tmp_path / "other.h5ad", slide)
    with pytest.raises(SlideError, match="not an h5ad"):
        open_measured(tmp_path / "other.h5ad", "fake")


POLYGON = '{"type":"Feature","properties":%s,"geometry":{"type":"Polygon","coordinates":[[%s]]}}'
SQUARE = "[150,100],[500,100],[500,700],[150,700],[150,100]"


@pytest.mark.parametrize(
    "text",
    [
        POLYGON % ("{}", "[NaN,1],[2,3],[4,5],[NaN,1]"),
        POLYGON % ("{}", "[1e999,1],[2,3],[4,5],[1,1]"),
        POLYGON % ("{}", "[1,2],[3,4]"),
        POLYGON % ("[1]", SQUARE),
        POLYGON % ('{"classification":"tumour"}', SQUARE),
        POLYGON % ("{}", "[9e9,9e9],[9e9,8e9],[8e9,8e9],[9e9,9e9]"),
        (POLYGON % ("{}", SQUARE))[:70],
        '{"type":"Feature","properties":{},"geometry":{"type":"MultiPolygon","coordinates":[[[-1,2.7]],[[4,-1,2.5],[7,2]]]}}',
        "[" * 100_000,
        '{"n":1' + "0" * 5000 + "}",
        '{"type":"FeatureCollection","features":5}',
        "[null]",
        "{}",
        "",
        "hello",
        "s1,\n",
        "nobody,tumour\n",
    ],
    ids=lambda text: text[:30],
)
def test_annotations_that_are_none(tissue: PreparedSlide, text: str) -> None:
    with pytest.raises(SlideError) as refused:
        read_annotations(text.encode(), tissue.spots)
    assert "\n" not in str(refused.value)


def test_annotations_in_other_encodings_and_with_labels_that_cannot_be_shown(tissue: PreparedSlide) -> None:
    whole = POLYGON % ('{"name":"tu\\u0000mour\\n"}', SQUARE)
    for text in (whole.encode("utf-8-sig"), whole.encode("utf-16")):
        (found,) = read_annotations(text, tissue.spots)
        assert found.query == "tu mour" and len(found.spots) > 20
    one, other = tissue.spots.ids[:2]
    labels = read_annotations(f"{one},a\n{one},a\n{other},\u202eb\n".encode(), tissue.spots)
    assert [region.query for region in labels] == ["a", "b"]
