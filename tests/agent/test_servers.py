"""The loop over a real OpenAI-compatible server process: streamed calls, every kind of failure, memory."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agent import chat_models
from agent.events import Answer, AnswerDelta, ToolStarted
from agent.loop import Conversation
from agent.session import Session
from tests.agent.conftest import Server, Settings, answer, calls
from tools.errors import ModelUnavailable

Serve = Callable[[list[dict[str, Any]]], Server]
EPIDERMIS = {"calls": [["highlight_region", {"query": "epidermis"}]]}


def test_streamed_tool_calls_and_answer(session: Session, serve: Serve) -> None:
    server = serve([EPIDERMIS, {"text": "The epidermis is one region."}, {"text": "As I said."}])
    talk = Conversation(session, server.settings())
    events = list(talk.ask("Where is the epidermis?"))
    started = [event for event in events if isinstance(event, ToolStarted)]
    assert [(event.tool, event.args) for event in started] == [("highlight_region", {"query": "epidermis"})]
    assert calls(events)[0].artifacts[0]["kind"] == "layer"
    assert "mm2" in calls(events)[0].words
    assert answer(events) == "The epidermis is one region."
    assert "".join(event.text for event in events if isinstance(event, AnswerDelta)) == answer(events)
    assert answer(list(talk.ask("And again?"))) == "As I said."
    roles = [message["role"] for message in server.requests()[-1]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]


def test_schema_comes_from_the_signature(session: Session, serve: Serve) -> None:
    server = serve([{"text": "Hello."}])
    list(Conversation(session, server.settings()).ask("hi"))
    schemas = {tool["function"]["name"]: tool["function"] for tool in server.requests()[0]["tools"]}
    assert len(schemas) == 19
    parameters = schemas["top_genes"]["parameters"]
    assert set(parameters["properties"]) == {"region", "versus", "n"}
    assert parameters["required"] == ["region"]
    assert "selection" in parameters["properties"]["region"]["description"]


def test_parallel_calls(session: Session, serve: Serve) -> None:
    both = {"calls": [["highlight_region", {"query": "epidermis"}], ["highlight_region", {"query": "collagen"}]]}
    server = serve([both, {"text": "Done."}])
    events = list(Conversation(session, server.settings()).ask("both"))
    assert sorted(call.args["query"] for call in calls(events)) == ["collagen", "epidermis"]
    shown = [name for call in calls(events) for name in call.artifacts[1]["regions"]]
    assert len(shown) == len(set(shown)) == len(session.regions)


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "highlight_region", "arguments": {"query": "epidermis"}}',
        '<tool_call>\n{"name": "highlight_region", "arguments": {"query": "epidermis"}}\n</tool_call>',
        '```json\n{"function": {"name": "highlight_region", "arguments": "{\\"query\\": \\"epidermis\\"}"}}\n```',
        '[{"name": "highlight_region", "parameters": {"query": "epidermis"}}]',
    ],
)
def test_a_call_written_as_text(session: Session, serve: Serve, text: str) -> None:
    server = serve([{"text": text}, {"text": "Found."}])
    events = list(Conversation(session, server.settings()).ask("Where is the epidermis?"))
    assert [call.tool for call in calls(events)] == ["highlight_region"]
    assert answer(events) == "Found."
    assert "".join(event.text for event in events if isinstance(event, AnswerDelta)) == "Found."


FAILURES: list[tuple[dict[str, Any], str]] = [
    ({"status": 401, "message": "bad key"}, "refused the key"),
    ({"status": 403, "message": "forbidden"}, "refused the key"),
    ({"status": 404, "message": "no such model"}, "does not know this model"),
    ({"status": 429, "message": "slow down"}, "rate-limited"),
    ({"status": 400, "message": "context too long"}, "context too long"),
    ({"status": 500, "message": "boom"}, "status 500"),
    ({"stall": 8, "text": "late"}, "did not answer in time"),
    ({"cut": "The epidermis is"}, "cut off"),
    ({"hangup": True}, "broke off"),
    ({"text": ""}, "empty answer"),
    ({"body": "<html>hello</html>", "type": "text/html"}, "empty answer|not an answer"),
    ({"body": "{}"}, "not an answer|empty answer"),
    ({"bad_args": ["highlight_region", "epidermis, please"]}, "cannot be read"),
]


@pytest.mark.parametrize(("reply", "words"), FAILURES, ids=[words for _, words in FAILURES])
def test_failures_are_one_sentence_and_the_talk_goes_on(
    session: Session, serve: Serve, reply: dict[str, Any], words: str
) -> None:
    server = serve([EPIDERMIS, reply, {"text": "Here I am again."}])
    talk = Conversation(session, server.settings())
    said = answer(list(talk.ask("Where is the epidermis?")))
    assert any(part in said for part in words.split("|")), said
    assert said.startswith("The chat model at 127.0.0.1:") and said.endswith(".") and len(said) < 300
    assert answer(list(talk.ask("Still there?"))) == "Here I am again."
    sent = server.requests()[-1]["messages"]
    asked = {call["id"] for message in sent for call in message.get("tool_calls") or []}
    assert asked == {message["tool_call_id"] for message in sent if message["role"] == "tool"}


def test_a_server_that_is_down(session: Session) -> None:
    talk = Conversation(session, Settings("openai/test", "http://127.0.0.1:9/v1", None))
    assert "cannot be reached" in answer(list(talk.ask("Hello?")))


def test_retries_after_a_rate_limit(session: Session, serve: Serve) -> None:
    server = serve([{"status": 429}, {"status": 503}, {"text": "Now."}])
    settings = replace(server.settings(), chat_retries=2)
    assert answer(list(Conversation(session, settings).ask("hi"))) == "Now."
    assert len(server.requests()) == 3


def test_steps_are_bounded_in_words(session: Session, serve: Serve) -> None:
    server = serve([EPIDERMIS])
    events = list(Conversation(session, server.settings(), max_calls=3).ask("loop forever"))
    assert len(calls(events)) == 3
    assert answer(events).startswith("I stopped here") and "epidermis" in answer(events)
    assert len(server.requests()) == 3


def test_wrong_arguments_and_tools_go_back_to_the_chat_model(session: Session, serve: Serve) -> None:
    wrong = {
        "calls": [["top_genes", {"region": "epidermis", "n": "many"}], ["dance", {}], ["show_gene", {"genes": ["X9"]}]]
    }
    server = serve([wrong, {"text": "Sorry."}])
    events = list(Conversation(session, server.settings()).ask("x"))
    assert [call.failed for call in calls(events)] == [True, True, True]
    assert answer(events) == "Sorry."
    results = [message["content"] for message in server.requests()[-1]["messages"] if message["role"] == "tool"]
    assert any("does not predict the gene 'X9'" in text for text in results)


def test_names_and_keys(session: Session) -> None:
    with pytest.raises(ModelUnavailable, match=r"known: offline, openai/<model>"):
        chat_models.build(Settings("claude"))
    with pytest.raises(ModelUnavailable, match="OPENAI_API_KEY"):
        chat_models.build(Settings("openai/gpt"))
    with pytest.raises(ModelUnavailable, match="offline"):
        chat_models.build(Settings("openai/gpt", "https://example.org/v1", None, offline=True))
    assert "known: offline" in answer(list(Conversation(session, Settings("nonsense")).ask("hi")))


def test_what_no_tool_said_is_marked(session: Session, serve: Serve) -> None:
    server = serve([EPIDERMIS, {"text": "It covers 87.5 mm2 and is full of KRT77."}])
    said = answer(list(Conversation(session, server.settings()).ask("Where is the epidermis?")))
    assert said.endswith("(In no tool result of this conversation: 87.5, KRT77.)")


def test_a_seeing_model_gets_the_picture(session: Session, serve: Serve) -> None:
    view = {"calls": [["view_region", {"region": "epidermis"}]]}
    server = serve([view, {"text": "I see keratinocytes."}, {"text": "Again."}])
    talk = Conversation(session, replace(server.settings(), chat_sees=True))
    assert answer(list(talk.ask("show me the epidermis up close"))).startswith("I see keratinocytes.")
    last = server.requests()[1]["messages"][-1]
    assert last["role"] == "user" and last["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    list(talk.ask("and now?"))
    assert all(isinstance(message["content"], str | None) for message in server.requests()[2]["messages"])
    blind = serve([view, {"text": "Fine."}])
    list(Conversation(session, blind.settings()).ask("show me the epidermis up close"))
    assert blind.requests()[1]["messages"][-1]["role"] == "tool"


def test_tokens_and_cost_are_told(session: Session, serve: Serve) -> None:
    server = serve([EPIDERMIS | {"usage": [100, 20]}, {"text": "There.", "usage": [300, 10]}])
    settings = replace(server.settings(), chat_price_in=2.0, chat_price_out=8.0)
    last = list(Conversation(session, settings).ask("Where is the epidermis?"))[-1]
    assert isinstance(last, Answer) and last.usage is not None
    assert (last.usage.input_tokens, last.usage.output_tokens) == (400, 30)
    assert last.usage.cost == pytest.approx((400 * 2 + 30 * 8) / 1e6)
    assert server.requests()[0]["stream_options"] == {"include_usage": True}


def test_arguments_can_be_held_to_the_schema(session: Session, serve: Serve) -> None:
    server = serve([{"text": "Hello."}])
    list(Conversation(session, replace(server.settings(), chat_strict=True)).ask("hi"))
    functions = [tool["function"] for tool in server.requests()[0]["tools"]]
    assert all(function["strict"] and not function["parameters"]["additionalProperties"] for function in functions)


def test_a_stream_that_breaks_inside_a_tool_call(session: Session, serve: Serve) -> None:
    server = serve([{"cut_call": ["highlight_region", '{"query": "epid']}, {"text": "Here."}])
    talk = Conversation(session, server.settings())
    said = answer(list(talk.ask("Where is the epidermis?")))
    assert said.startswith("The chat model at 127.0.0.1:") and said.endswith(".")
    assert answer(list(talk.ask("Still there?"))) == "Here."


def test_a_slow_stream_is_waited_for(session: Session, serve: Serve) -> None:
    server = serve([{"text": "Slowly, but it comes.", "pause": 0.5}])
    events = list(Conversation(session, replace(server.settings(), chat_timeout_s=2.0)).ask("hi"))
    assert answer(events) == "Slowly, but it comes."
    assert sum(isinstance(event, AnswerDelta) for event in events) >= 3
