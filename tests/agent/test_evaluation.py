"""The evaluation: what counts as the same call, and that the offline planner keeps its figures on both halves."""

from pathlib import Path
from typing import Any

import pytest

from agent.evaluation.matching import Shown, region_ids, same_calls
from agent.evaluation.score import HALVES, evaluate, requests_of
from agent.evaluation.stage import build
from agent.toolbox import TOOLS
from tests.agent.conftest import Settings
from tools.workspace import Workspace

LAST = Shown(("r1", "r2"), "epidermis")
QUERIES = {"r1": "epidermis", "r2": "epidermis", "r3": "stroma"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return build(Path(tmp_path_factory.mktemp("stage")))


@pytest.mark.parametrize(
    ("wanted", "made", "same"),
    [
        (["rank_spots", {"query": "T cells"}], ["rank_spots", {"query": "the T cell", "minus": ""}], True),
        (["rank_spots", {"query": "T cells"}], ["rank_spots", {"query": "T cells", "minus": "fat"}], False),
        (["rank_spots", {"query": "T cells"}], ["highlight_region", {"query": "T cells"}], False),
        (["top_genes", {"region": "@last"}], ["top_genes", {"region": "r1-r2", "n": 10}], True),
        (["top_genes", {"region": "@last"}], ["top_genes", {"region": "Epidermis"}], True),
        (["top_genes", {"region": "@last"}], ["top_genes", {"region": "r1"}], False),
        (["top_genes", {"region": "@2"}], ["top_genes", {"region": "r2"}], True),
        (["top_genes", {"region": "stroma"}], ["top_genes", {"region": "r3"}], True),
        (["top_genes", {"region": "stroma"}], ["top_genes", {"region": "r1"}], False),
        (["top_genes", {"region": "outside @last"}], ["top_genes", {"region": "outside r1, r2"}], True),
        (["top_genes", {"region": "c2"}], ["top_genes", {"region": "cluster 2"}], True),
        (["show_gene", {"genes": ["KRT5", "VIM"]}], ["show_gene", {"genes": ["vim", "KRT5"]}], True),
        (["cluster_spots", {"n": 5}], ["cluster_spots", {"n": 6}], False),
        (["similar_spots", {"region": "fat"}], ["similar_spots", {"region": "fat", "slides": "all"}], True),
    ],
)
def test_calls_are_compared_by_meaning(wanted: list[Any], made: list[Any], same: bool) -> None:
    assert same_calls([(wanted[0], wanted[1])], [(made[0], made[1])], [LAST], QUERIES) is same


def test_no_call_may_be_missing_or_more() -> None:
    call: tuple[str, dict[str, Any]] = ("describe_slide", {})
    assert not same_calls([call], [], [], {}) and not same_calls([call], [call, call], [LAST, LAST], {})


def test_ids_in_an_argument() -> None:
    assert region_ids("r1, r3-r5") == ["r1", "r3", "r4", "r5"] and region_ids("r1 and fat") == []


def test_the_halves_are_apart_and_name_real_tools() -> None:
    asked = [{turn["ask"] for item in requests_of(half) for turn in item["turns"]} for half in HALVES]
    assert not asked[0] & asked[1] and len(asked[0] | asked[1]) >= 150
    names = {tool.name for tool in TOOLS}
    used = set()
    for half in HALVES:
        for item in requests_of(half):
            for turn in item["turns"]:
                used |= {tool for option in turn.get("or", [turn.get("calls", [])]) for tool, _ in option}
    assert used == names


@pytest.mark.parametrize(("half", "least"), [("seen", 0.95), ("held_out", 0.90)])
def test_the_offline_planner_keeps_its_figures(stage: Workspace, half: str, least: float) -> None:
    result = evaluate(stage, Settings(), half)
    figures = result.figures()
    assert figures["requests_right"] >= least
    assert len(result.failures()) == round(figures["requests"] * (1 - figures["requests_right"]))
