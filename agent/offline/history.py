"""Messages to what the planner needs: the question, what was done for it, and what the conversation is about."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from agent.offline.plan import Focus, Step


@dataclass(frozen=True)
class Done:
    """A tool call that was made, and its result."""

    step: Step
    words: str
    failed: bool
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Turn:
    """The turn that is under way. `said` is what was answered in earlier turns."""

    question: str
    focus: Focus
    done: tuple[Done, ...]
    said: str


def read_turn(messages: Sequence[BaseMessage]) -> Turn:
    """Split the conversation at the last question."""
    last = max((i for i, message in enumerate(messages) if isinstance(message, HumanMessage)), default=-1)
    question = messages[last].text if last >= 0 else ""
    before = messages[: max(last, 0)]
    said = "\n".join(message.text for message in before if isinstance(message, AIMessage))
    return Turn(question, focus_of(before), _calls(messages[last + 1 :]), said)


def _calls(messages: Sequence[BaseMessage]) -> tuple[Done, ...]:
    results = {m.tool_call_id: m for m in messages if isinstance(m, ToolMessage)}
    done = []
    for message in messages:
        for call in message.tool_calls if isinstance(message, AIMessage) else ():
            result = results.get(call["id"] or "")
            if result is not None:
                step = Step(call["name"], dict(call["args"]))
                done.append(Done(step, result.text, result.status == "error", _regions(result)))
    return tuple(done)


def _regions(result: ToolMessage) -> tuple[str, ...]:
    """Ids of the regions that a result shows; from its artefacts, else from its words."""
    if isinstance(result.artifact, list):
        shown = [item for item in result.artifact if item.get("kind") == "regions"]
        return tuple(str(name) for item in shown for name in item["regions"])
    return tuple(dict.fromkeys(re.findall(r"^- (r\d+)\b", result.text, re.M)))


def focus_of(messages: Sequence[BaseMessage]) -> Focus:
    """What "there", "it" and "the second one" mean after `messages`."""
    focus = Focus()
    starts = [i for i, message in enumerate(messages) if isinstance(message, HumanMessage)] + [len(messages)]
    for start, stop in pairwise(starts):
        done = _calls(messages[start:stop])
        for call in done:
            focus = _after(focus, call)
        if done:
            steps = tuple(call.step for call in done if call.step.tool != "infer_expression" and not call.failed)
            focus = replace(focus, last_steps=steps or focus.last_steps)
    return focus


def _after(focus: Focus, call: Done) -> Focus:
    args = call.step.args
    if call.step.tool == "open_slide" and (not call.failed or "pixel" in call.words):
        return Focus(slide=str(args["slide"]))
    if call.failed:
        return focus
    if call.step.tool == "highlight_region":
        query = str(args.get("query") or focus.query)
        if args.get("query") and not call.regions:  # held back: later questions are about the words
            return replace(focus, regions=(), query=query, region_arg=query, queries=(*focus.queries, query))
        return replace(
            focus, regions=call.regions or focus.regions, query=query, region_arg="", queries=(*focus.queries, query)
        )
    if call.step.tool in ("top_genes", "describe_region", "view_region", "similar_spots"):
        return replace(focus, region_arg=str(args["region"]), regions=call.regions or focus.regions)
    if call.step.tool in ("compare_regions", "spatial_relation"):
        return replace(focus, region_arg=str(args["region_a"]))
    if call.step.tool in ("cluster_spots", "annotate_spots", "score_gene_set"):
        return replace(focus, regions=(), region_arg="")
    if call.step.tool == "rank_spots":
        minus = f"{args['query']} minus {args['minus']}" if args.get("minus") else ""
        return replace(focus, query=str(args["query"]), regions=(), region_arg=minus)
    if call.step.tool == "show_gene":
        return replace(focus, genes=tuple(args["genes"]))
    return Focus(slide=focus.slide) if call.step.tool == "tile_slide" else focus
