"""Parts of a slide bring along what their spots look at."""

import numpy as np

from models.neighbourhoods import with_neighbours


def test_every_spot_finds_its_neighbours_in_its_part() -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.random((53, 2, 3), dtype=np.float32)
    neighbours = rng.integers(-1, 53, (53, 6))
    seen = 0
    for bags, rows, wanted in with_neighbours(embeddings, neighbours, step=10):
        here, expected = rows[:wanted], neighbours[seen : seen + wanted]
        assert (bags[:wanted] == embeddings[seen : seen + wanted]).all() and len(rows) == len(bags)
        assert ((here < 0) == (expected < 0)).all()
        assert (bags[here[here >= 0]] == embeddings[expected[expected >= 0]]).all()
        assert (rows[wanted:] == -1).all()
        seen += wanted
    assert seen == 53


def test_no_neighbours_at_all() -> None:
    bags, rows, wanted = next(with_neighbours(np.ones((4, 1, 2), np.float32), np.empty((4, 0), np.int64)))
    assert bags.shape == (4, 1, 2) and rows.shape == (4, 0) and wanted == 4
