"""What can go wrong between us and a chat model's server, as sentences for the person."""

import json
import sys

from tools.redact import redacted


class ChatModelError(Exception):
    """The chat model did not answer; the message is a sentence for the person. The conversation goes on."""


def server_errors() -> tuple[type[Exception], ...]:
    """Exceptions that mean that the server, not this program, is at fault."""
    import openai
    from langchain_core.exceptions import LangChainException

    # A reply of the wrong shape surfaces as whatever reading it raises.
    nonsense = (json.JSONDecodeError, TypeError, ValueError, KeyError, AttributeError, IndexError)
    return (openai.OpenAIError, LangChainException, *_transport_errors(), *nonsense)


def _transport_errors() -> list[type[Exception]]:
    """The HTTP library's own errors, which some versions of openai let through; which library it is depends on them."""
    loaded = (sys.modules.get(name) for name in ("httpx", "httpx2"))
    return [module.HTTPError for module in loaded if module is not None]


def sentence_for(error: Exception, server: str) -> str:
    """What happened and what can be done, in one sentence."""
    return f"The chat model at {server} {_what(error)}"


def _what(error: Exception) -> str:
    import openai

    names = _names(error)
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return "refused the key (OPENAI_API_KEY); check it, or set the chat model to 'offline'."
    if isinstance(error, openai.RateLimitError):
        return "is rate-limited or its quota is used up; wait a little and ask again."
    if isinstance(error, openai.NotFoundError):
        return "does not know this model; check the model's name and the base URL."
    if isinstance(error, openai.BadRequestError):
        return f"refused the request ({_short(error)}); a new conversation or another model may help."
    if isinstance(error, openai.APIStatusError):
        return f"failed with status {error.status_code}; ask again in a moment."
    if any("Timeout" in name for name in names):
        return "did not answer in time; ask again, or choose another chat model."
    if names & {"RemoteProtocolError", "ReadError"}:
        return "broke off in the middle of its answer; ask again."
    if isinstance(error, (openai.APIConnectionError, *_transport_errors())):
        return "cannot be reached; check that it runs and its base URL, or set the chat model to 'offline'."
    if isinstance(error, openai.APIError):
        return f"reported an error ({_short(error)}); ask again in a moment."
    return "returned something that is not an answer; check that the base URL points at an OpenAI-compatible server."


def _names(error: BaseException | None) -> set[str]:
    """Class names of an error and of what caused it."""
    names = set()
    while error is not None:
        names.add(type(error).__name__)
        error = error.__cause__
    return names


def _short(error: Exception) -> str:
    return redacted(" ".join(str(error).split()))[:160]
