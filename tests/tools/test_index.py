import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from tools.index import SpotIndex


def slide(seed: int, n: int = 40) -> anndata.AnnData:
    vectors = np.random.default_rng(seed).normal(size=(n, 16)).astype(np.float32)
    data = anndata.AnnData(np.zeros((n, 1), np.float32), obs=pd.DataFrame(index=[f"{i}x0" for i in range(n)]))
    data.obsm["X_joint"] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    data.obsm["spatial"] = np.stack([np.arange(n) * 10.0, np.arange(n) * 3.0], axis=1)
    return data


@pytest.fixture
def index(tmp_path: Path) -> SpotIndex:
    return SpotIndex.build(tmp_path / "chroma", "test-joint", {"a": slide(1), "b": slide(2)})


def test_search_agrees_with_the_matrix_product(index: SpotIndex) -> None:
    query = slide(3, 1).obsm["X_joint"][0]
    exact = {("a", i): float(slide(1).obsm["X_joint"][i] @ query) for i in range(40)}
    exact |= {("b", i): float(slide(2).obsm["X_joint"][i] @ query) for i in range(40)}
    best = sorted(exact, key=lambda key: -exact[key])[:5]
    hits = index.search(query, 5)
    assert [(hit.slide, hit.spot) for hit in hits] == [(name, f"{i}x0") for name, i in best]
    for hit, key in zip(hits, best, strict=True):
        assert hit.score == pytest.approx(exact[key], abs=1e-5)
        assert (hit.x, hit.y) == (key[1] * 10.0, key[1] * 3.0)


def test_a_spot_finds_itself_and_slides_limit_the_search(index: SpotIndex) -> None:
    query = slide(1).obsm["X_joint"][7]
    assert (index.search(query, 1)[0].slide, index.search(query, 1)[0].spot) == ("a", "7x0")
    assert {hit.slide for hit in index.search(query, 10, ["b"])} == {"b"}


def test_replacing_a_slide_leaves_nothing_behind(index: SpotIndex, tmp_path: Path) -> None:
    index.replace_slide("a", slide(5, 3))
    assert index.slides() == {"a", "b"}
    assert len([hit for hit in index.search(slide(5).obsm["X_joint"][0], 80) if hit.slide == "a"]) == 3
    again = SpotIndex(tmp_path / "chroma", "test-joint")
    assert again.slides() == {"a", "b"}


def test_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    assert SpotIndex(tmp_path / "chroma", "other-joint").search(np.ones(16, np.float32), 3) == []


def test_many_may_open_it_at_once(tmp_path: Path) -> None:
    gate = threading.Barrier(6)

    def open_one(_: int) -> set[str]:
        gate.wait(timeout=30)
        return SpotIndex(tmp_path / "chroma", "fake").slides()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(open_one, range(6))) == [set()] * 6
