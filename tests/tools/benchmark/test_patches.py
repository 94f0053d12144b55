import numpy as np

from tools.benchmark.patches import majority_labels

GRID = np.stack(np.meshgrid(np.arange(5), np.arange(5)), axis=-1).reshape(-1, 2) * 100.0


def test_a_small_patch_keeps_every_label() -> None:
    words = np.random.default_rng(0).choice(["a", "b", ""], 25)
    assert (majority_labels(GRID, words, 80) == words).all()


def test_the_majority_of_the_spots_inside_wins_and_a_tie_is_the_centres() -> None:
    words = np.full(25, "a")
    words[12] = "b"
    assert majority_labels(GRID, words, 220)[12] == "a"
    pair = np.array([[0.0, 0.0], [100.0, 0.0]])
    assert majority_labels(pair, np.array(["b", "a"]), 220).tolist() == ["b", "a"]


def test_a_tie_among_others_is_the_first_in_the_alphabet() -> None:
    line = np.array([[0.0, 0.0], [90.0, 0.0], [-90.0, 0.0], [0.0, 90.0], [0.0, -90.0]])
    assert majority_labels(line, np.array(["c", "b", "b", "a", "a"]), 200)[0] == "a"


def test_spots_without_label_neither_vote_nor_get_one() -> None:
    words = np.array(["", "a"] + [""] * 23)
    found = majority_labels(GRID, words, 220)
    assert found[1] == "a" and (found[np.arange(25) != 1] == "").all()
