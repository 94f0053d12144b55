"""Requests to plans: the table in requests.json, and what makes a plan right."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from agent.chat_models import build
from agent.offline.chat import OfflineChat, next_step
from agent.offline.history import Done, Turn, focus_of
from agent.offline.lexicon import correct, genes_in
from agent.offline.plan import Focus, FromStep, Plan, Step
from agent.offline.planner import Planner
from tests.agent.conftest import Settings

REQUESTS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("requests.json").read_text())


@pytest.fixture(scope="module")
def planner() -> Planner:
    model = build(Settings())
    assert isinstance(model, OfflineChat)
    return model.planner


def talk(planner: Planner, questions: list[str]) -> list[BaseMessage]:
    """Messages of a conversation in which every tool worked and every search found three regions."""
    messages: list[BaseMessage] = []
    regions = 0
    for question in questions:
        plan = planner.plan(question, focus_of(messages))
        messages.append(HumanMessage(question))
        found: dict[int, list[str]] = {}
        for number, step in enumerate(plan.steps):
            args = {
                key: ", ".join(found[value.step]) if isinstance(value, FromStep) else value
                for key, value in step.args.items()
            }
            call = f"call{len(messages)}"
            artifact = []
            if args.get("query") and step.tool == "highlight_region":
                found[number] = [f"r{regions + i}" for i in (1, 2, 3)]
                regions += 3
                artifact = [{"kind": "regions", "regions": found[number]}]
            messages.append(AIMessage("", tool_calls=[{"name": step.tool, "args": args, "id": call}]))
            messages.append(ToolMessage("fine", tool_call_id=call, name=step.tool, artifact=artifact))
        messages.append(AIMessage("There."))
    return messages


def _plain(value: Any) -> Any:
    if isinstance(value, FromStep):
        return f"{value.prefix}<{value.step}>"
    return value.lower() if isinstance(value, str) else value


def matches(wanted: dict[str, Any], plan: Plan) -> bool:
    """Whether a plan is what the table wants; alternatives of a phrase are written a|b."""
    if "reply" in wanted:
        return plan.kind == wanted["reply"] and not plan.steps
    if plan.kind != "tools" or [step.tool for step in plan.steps] != [tool for tool, _ in wanted["calls"]]:
        return False
    for step, (_, args) in zip(plan.steps, wanted["calls"], strict=True):
        if set(step.args) != set(args):
            return False
        for key, value in args.items():
            allowed = value.lower().split("|") if isinstance(value, str) else [value]
            if _plain(step.args[key]) not in allowed:
                return False
    return True


@pytest.mark.parametrize("wanted", REQUESTS, ids=lambda wanted: wanted["ask"])
def test_requests(planner: Planner, wanted: dict[str, Any]) -> None:
    plan = planner.plan(wanted["ask"], focus_of(talk(planner, wanted.get("after", []))))
    assert matches(wanted, plan), plan


def test_a_plan_is_fast(planner: Planner) -> None:
    times = []
    for wanted in REQUESTS:
        start = time.process_time()
        planner.plan(wanted["ask"], Focus())
        times.append(time.process_time() - start)
    assert sorted(times)[len(times) // 2] < 0.1


def test_misspelt_words_are_read_and_said(planner: Planner) -> None:
    plan = planner.plan("where is the epidrmis?", Focus())
    assert plan.corrections == (("epidrmis", "epidermis"),)
    assert correct("dermis") == "dermis" and correct("keratin") == "keratin" and correct("KRT14") == "KRT14"


@pytest.mark.parametrize(
    ("text", "genes", "masked"),
    [
        ("KRT14 and dcn", ["KRT14", "DCN"], "GENE and GENE"),
        ("CD8+ T cells", [], "CD8+ T cells"),
        ("her2", ["ERBB2"], "GENE"),
        ("WHERE IS THE TUMOR", [], "WHERE IS THE TUMOR"),
        ("r2 versus r1", [], "r2 versus r1"),
        ("slide_12.svs and NKX2-1", ["NKX2-1"], "slide_12.svs and GENE"),
        ("HLA-DRA", ["HLA-DRA"], "GENE"),
    ],
)
def test_gene_names(text: str, genes: list[str], masked: str) -> None:
    assert genes_in(text) == (genes, masked)


def _turn(plan: Plan, *done: Done) -> Turn:
    return Turn("?", Focus(), done, "")


def test_later_steps_get_the_ids_of_earlier_ones() -> None:
    plan = Plan(steps=(Step("highlight_region", {"query": "fat"}), Step("top_genes", {"region": FromStep(0)})))
    assert next_step(plan, _turn(plan)) == plan.steps[0]
    found = Done(plan.steps[0], "fat: 2 regions", False, ("r4", "r5"))
    assert next_step(plan, _turn(plan, found)) == Step("top_genes", {"region": "r4, r5"})
    assert next_step(plan, _turn(plan, found, Done(plan.steps[1], "genes", False))) is None


def test_a_step_without_its_regions_is_left_out() -> None:
    plan = Plan(steps=(Step("highlight_region", {"query": "fat"}), Step("top_genes", {"region": FromStep(0)})))
    assert next_step(plan, _turn(plan, Done(plan.steps[0], "no spot", False, ()))) is None
    assert next_step(plan, _turn(plan, Done(plan.steps[0], "broken", True))) is None


def test_an_unprepared_slide_is_prepared_once() -> None:
    plan = Plan(steps=(Step("highlight_region", {"query": "fat"}),))
    unprepared = Done(plan.steps[0], "not prepared: call infer_expression first", True)
    infer = Step("infer_expression")
    assert next_step(plan, _turn(plan, unprepared)) == infer
    assert next_step(plan, _turn(plan, unprepared, Done(infer, "ready", False))) == plan.steps[0]
    assert next_step(plan, _turn(plan, unprepared, Done(infer, "cannot", True))) is None
    assert next_step(plan, _turn(plan, unprepared, Done(infer, "ready", False), unprepared)) is None


@pytest.mark.parametrize(
    "text", ["", "   ", "?", "!!!", "a" * 5000, "🙂", "and", "r1", "'; drop table", "{}", "minus", "the"]
)
def test_odd_input_is_planned_without_failing(planner: Planner, text: str) -> None:
    assert isinstance(planner.plan(text, Focus()), Plan)
