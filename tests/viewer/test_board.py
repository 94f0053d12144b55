import numpy as np

from agent.session import Layer
from tools.regions import Region
from viewer.board import MOST_LAYERS, Board


def layer(name: str, title: str, kind: str = "score") -> Layer:
    return Layer(name, title, kind, "slide", np.zeros(3, np.float32))


def region(name: str, words: str) -> Region:
    return Region(name, words, np.arange(2), (np.zeros((3, 2)),), 1.0)


def shown(board: Board) -> list[str]:
    return [found.id for found in board.shown_regions()]


def test_outlines_of_other_words_do_not_stay_under_a_new_map():
    board = Board()
    board.bring_layer(layer("l1", "epidermis"))
    board.bring_regions([region("r1", "epidermis")])
    board.bring_layer(layer("l2", "collagen"))
    assert (board.left, shown(board)) == ("l2", [])
    assert "r1" in board.regions


def test_a_gene_is_shown_below_the_outlines_that_it_is_compared_with():
    board = Board()
    board.bring_regions([region("r1", "epidermis")])
    board.bring_layer(layer("l1", "KRT14", "gene"))
    assert shown(board) == ["r1"]


def test_what_the_person_drew_stays_in_view():
    board = Board()
    board.draw_regions([region("r1", "selection 1")])
    board.bring_regions([region("r2", "fat"), region("r3", "fat")])
    assert shown(board) == ["r1", "r2", "r3"]
    board.bring_regions([region("r4", "fat")])
    assert shown(board) == ["r1", "r4"]


def test_a_map_asked_for_again_takes_the_place_of_the_old_one():
    board = Board()
    board.bring_layer(layer("l1", "fat"))
    board.right = "l1"
    board.bring_layer(layer("l2", "fat"))
    assert (list(board.layers), board.left, board.right) == (["l2"], "l2", None)


def test_removing_leaves_nothing_that_points_to_it():
    board = Board()
    board.bring_layer(layer("l1", "fat"))
    board.draw_regions([region("r1", "mine")])
    board.focus = "r1"
    board.hidden = {"r1"}
    board.drop_layer("l1")
    board.drop_region("r1")
    assert board == Board()


def test_only_so_many_layers_are_kept():
    board = Board()
    for i in range(MOST_LAYERS + 3):
        board.bring_layer(layer(f"l{i}", f"words {i}"))
    assert len(board.layers) == MOST_LAYERS
    assert board.left == f"l{MOST_LAYERS + 2}"


def test_a_renamed_layer_keeps_its_values():
    board = Board()
    board.bring_layer(layer("l1", "fat"))
    board.rename_layer("l1", "adipose")
    assert board.layers["l1"].title == "adipose"
    assert len(board.layers["l1"].values) == 3


def test_what_is_drawn_again_under_the_same_name_replaces_it():
    board = Board()
    board.draw_regions([region("r1", "gland")])
    board.draw_regions([region("r2", "gland"), region("r3", "gland")])
    assert list(board.regions) == ["r2", "r3"]
    assert board.own == {"r2", "r3"}
