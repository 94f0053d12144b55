"""Names to LangChain chat models, imported on demand: `offline`, or `openai/<model>` on any compatible server."""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlparse

from pydantic import SecretStr

from tools.errors import ModelUnavailable
from tools.network import is_loopback
from tools.redact import keep_secret

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

OPENAI_URL = "https://api.openai.com/v1"
KNOWN = ("offline", "openai/<model>")
_SEEING = re.compile(r"gpt-(?:4o|4\.\d|5)|[-_]vl\b|[-_]vl[-_]|vision|llava|gemma-?3|pixtral|minicpm-v|internvl", re.I)


class ChatSettings(Protocol):
    """What choosing a chat model needs of the settings."""

    @property
    def chat_model(self) -> str:
        """`offline` or `openai/<model>`."""
        ...

    @property
    def openai_base_url(self) -> str | None:
        """Base URL of an OpenAI-compatible server (vLLM, Ollama, llama.cpp); None is OpenAI's own."""
        ...

    @property
    def openai_api_key(self) -> SecretStr | None:
        """Key for that server; servers of one's own often need none."""
        ...

    @property
    def offline(self) -> bool:
        """Never leave this machine."""
        ...

    @property
    def offline_hosts(self) -> tuple[str, ...]:
        """Hosts that may be reached all the same."""
        ...

    @property
    def chat_timeout_s(self) -> float:
        """Seconds that a server may be silent."""
        ...

    @property
    def chat_retries(self) -> int:
        """How often a request is tried again."""
        ...

    @property
    def chat_sees(self) -> bool | None:
        """Whether the model takes images; None goes by its name."""
        ...

    @property
    def chat_strict(self) -> bool:
        """Whether the server is asked to hold tool arguments to their schema."""
        ...

    @property
    def chat_price_in(self) -> float | None:
        """Price of a million tokens that the model reads."""
        ...

    @property
    def chat_price_out(self) -> float | None:
        """Price of a million tokens that it writes."""
        ...

    @property
    def slide_folders(self) -> tuple[Path, ...]:
        """Folders from which a conversation may open slides, beside the workspace and the working directory."""
        ...


def server_of(settings: ChatSettings) -> str | None:
    """Host of the chat model's server, None when there is no server."""
    if settings.chat_model == "offline":
        return None
    url = urlparse(settings.openai_base_url or OPENAI_URL)
    return url.netloc.rpartition("@")[2] or "?"


def build(settings: ChatSettings) -> "BaseChatModel":
    """The chat model that the settings name. Raises ModelUnavailable: unknown name, missing key, no network wanted."""
    if settings.chat_model == "offline":
        return _offline()
    provider, _, model = settings.chat_model.partition("/")
    if provider != "openai" or not model:
        raise ModelUnavailable(f"There is no chat model '{settings.chat_model}'; known: {', '.join(KNOWN)}.")
    if settings.openai_api_key is not None:
        keep_secret(settings.openai_api_key.get_secret_value())
    if settings.offline and not _may_be_reached(settings):
        raise ModelUnavailable(
            f"The settings say offline, but '{settings.chat_model}' is at {server_of(settings)}; "
            "set the chat model to 'offline', the base URL to a server on this machine, or name its host in "
            "offline_hosts."
        )
    if settings.openai_api_key is None and settings.openai_base_url is None:
        raise ModelUnavailable(
            f"'{settings.chat_model}' needs a key: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own."
        )
    return _openai(model, settings)


def _may_be_reached(settings: ChatSettings) -> bool:
    host = urlparse(settings.openai_base_url or OPENAI_URL).hostname or ""
    return is_loopback(host) or host in settings.offline_hosts


def _openai(model: str, settings: ChatSettings) -> "BaseChatModel":
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model=model,
        base_url=settings.openai_base_url,
        api_key=settings.openai_api_key or SecretStr("none"),
        timeout=settings.chat_timeout_s,
        max_retries=settings.chat_retries,
        temperature=0 if settings.openai_base_url else None,
        streaming=True,
        stream_usage=True,
    )


def sees(settings: ChatSettings) -> bool:
    """Whether the chat model can be shown a picture."""
    if settings.chat_model == "offline":
        return False
    return bool(_SEEING.search(settings.chat_model)) if settings.chat_sees is None else settings.chat_sees


@cache
def _offline() -> "BaseChatModel":
    from agent.offline.chat import OfflineChat
    from agent.offline.planner import Planner
    from models.networks.sentence import SentenceEncoder

    return OfflineChat(planner=Planner(SentenceEncoder()))
