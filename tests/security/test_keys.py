"""A key that was configured reaches no log, no page, no report, no error and no trail."""

import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from agent.answer_trail import Trail
from agent.loop import Conversation
from agent.session import Session
from app import app
from settings import Settings as AppSettings
from tests.agent.conftest import Server, Settings, answer, serve  # noqa: F401 - a fixture
from tools.logs import JsonLines, Words
from tools.prepared import PreparedSlide
from tools.redact import HIDDEN, keep_secret, redacted
from tools.workspace import Workspace

KEY = "sk-fake-0123456789abcdef0123456789"
ODD = "correct horse battery staple"  # a secret that no pattern knows
Serve = Callable[[list[dict[str, Any]]], Server]
TELLING = [
    {"status": status, "message": f"the key {key} of https://u:{key}@host is wrong; Authorization: Bearer {key}"}
    for status in (400, 401, 403, 404, 429, 500)
    for key in (KEY, ODD)
] + [{"body": f'{{"error": "{KEY}"}}'}, {"hangup": True}, {"body": f"<html>{KEY}</html>", "type": "text/html"}]


@pytest.mark.parametrize("reply", TELLING, ids=lambda reply: str(reply)[:40])
def test_a_server_that_repeats_the_key_is_not_repeated(
    fake_workspace: Workspace,
    tissue: PreparedSlide,
    serve: Serve,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
    reply: dict[str, Any],
) -> None:
    key = ODD if ODD in str(reply) else KEY
    settings = Settings("openai/test", serve([reply]).url, SecretStr(key))
    session = Session(fake_workspace, slide=tissue, opened=tissue.name)
    trail = Trail(fake_workspace.root)
    said = answer(list(Conversation(session, settings, trail=trail).ask("where is the stroma?")))
    for text in (said, caplog.text, json.dumps(list(trail.entries()))):
        assert key not in text


def test_logs_hide_secrets_in_messages_fields_and_tracebacks() -> None:
    keep_secret(ODD)
    for formatter in (JsonLines(), Words()):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        log = logging.Logger("x")
        log.addHandler(handler)
        try:
            raise ValueError(f"no {KEY}")
        except ValueError:
            log.exception("with %s", ODD, extra={"field": KEY})
        said = stream.getvalue()
        assert KEY not in said and ODD not in said and HIDDEN in said
        assert said.count("\n") == 1 or isinstance(formatter, Words)


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {KEY}", f"https://ada:{ODD.replace(' ', '')}@host/v1", "hf_" + "a" * 20,
        "AKIA" + "B" * 16,
        "Basic YWRhOmzDtnZlbG92ZQ==", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "ghp_" + "c" * 30,
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_hidden(text: str) -> None:
    assert HIDDEN in redacted(text)


def test_ordinary_words_stay() -> None:
    for text in ("the basic finding", "bearer of news", "r1 at 12:30, p 0.01", "http://host:8000/v1", "task-force"):
        assert redacted(text) == text


def test_settings_do_not_print_secrets() -> None:
    settings = AppSettings(openai_api_key=SecretStr(KEY), auth=SecretStr("ada:love-love"), mcp_token=SecretStr(ODD))
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert KEY not in text and "love-love" not in text and ODD not in text


def test_doctor_and_models_tell_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://ada:{KEY}@127.0.0.1:9/v1")
    monkeypatch.setenv("SPOTWHISPERER_CHAT_MODEL", "openai/x")
    for command in (["doctor", "--json"], ["doctor"], ["models", "--json"]):
        done = CliRunner().invoke(app, [*command, "--workspace", str(tmp_path)] if command[0] == "doctor" else command)
        assert KEY not in done.output, command
