"""Questions and names that nobody expects: an answer in words, and the conversation goes on."""

import json

import pytest

from agent.calls_in_text import calls_in_text
from agent.events import Answer
from agent.loop import Conversation
from agent.session import Session
from tests.agent.conftest import Settings
from tools.errors import ToolError
from tools.genes import gene_values
from tools.prepare import Runtime
from tools.prepared import PreparedSlide
from tools.workspace import Workspace

QUESTIONS = {
    "empty": "",
    "blank": " \n\t ",
    "endless": "where is the epithelium " * 4200,  # 100,000 characters
    "one endless word": "x" * 100_000,
    "emoji": "🧬🔬 epithelium? 🙏",
    "right to left": "أين الظهارة؟",
    "turned around": "where is \u202eepithelium\u202c?",
    "control characters": "where\x00 is\x07 the\x1b[31m epithelium?",
    "half a surrogate": "where is \ud800 the epithelium?",
    "brackets": "((((((((((((((((((((((((((((((",
    "format": "%s%n{0}{question}",
    "markup": "<img src=x onerror=alert(1)> epithelium",
}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_the_conversation_goes_on(fake_workspace: Workspace, tissue: PreparedSlide, question: str) -> None:
    session = Session(fake_workspace, slide=tissue, opened=tissue.name, runtime=Runtime())
    conversation = Conversation(session, Settings())
    for asked in (question, "where is the epithelium?"):
        answers = [event.text for event in conversation.ask(asked) if isinstance(event, Answer)]
        assert len(answers) == 1 and answers[0].strip()
    assert "epithelium" in answers[0] and session.regions


@pytest.mark.parametrize("query", ["", "  ", "x" * 501, "T cells " * 12_500])
def test_what_is_no_query_is_said(tissue: PreparedSlide, query: str) -> None:
    with pytest.raises(ToolError, match=r"query (is empty|has [\d,]+ characters)"):
        tissue.text_scores(query)


@pytest.mark.parametrize("name", ["krt5", "Krt5", " KRT5 "])
def test_a_gene_may_be_written_as_people_write_it(tissue: PreparedSlide, name: str) -> None:
    assert gene_values(tissue.adata, name)[0] == "KRT5"


@pytest.mark.parametrize("name", ["", "\0", "🧬", "KRT5; DROP TABLE", "x" * 100_000])
def test_a_gene_that_is_none_is_said(tissue: PreparedSlide, name: str) -> None:
    with pytest.raises(ToolError) as refused:
        gene_values(tissue.adata, name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"name": "rank_spots", "arguments": {"top_k": 1' + "0" * 5000 + "}}",
        '{"name": ["rank_spots"], "arguments": {}}',
        '{"name": {"a": 1}}',
        '{"tool_calls": [' * 400 + "]}" * 400,
        json.dumps({"name": "rank_spots", "arguments": "[" * 100_000}),
    ],
    ids=lambda text: text[:24],
)
def test_text_that_only_looks_like_tool_calls(text: str) -> None:
    assert calls_in_text(text, frozenset({"rank_spots"})) == []
