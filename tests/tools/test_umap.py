import numpy as np
import pytest

from tools.umap import embed_2d


def test_two_groups_stay_apart_and_the_seed_repeats_the_map() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.1, (60, 8)).astype(np.float32)
    x[:30, 0] += 1
    x[30:, 1] += 1
    flat = embed_2d(x)
    assert flat.shape == (60, 2) and np.isfinite(flat).all()
    centres = flat[:30].mean(axis=0), flat[30:].mean(axis=0)
    within = max(flat[:30].std(), flat[30:].std())
    assert np.linalg.norm(centres[0] - centres[1]) > within
    assert (flat == embed_2d(x)).all()


@pytest.mark.parametrize("n", [4, 5, 16])
def test_few_rows(n: int) -> None:
    assert embed_2d(np.random.default_rng(1).normal(size=(n, 6)).astype(np.float32)).shape == (n, 2)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        embed_2d(np.ones((3, 2), np.float32))
