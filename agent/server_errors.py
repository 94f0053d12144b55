"""What can go wrong between us and a chat model's server, as sentences for the person."""

import json


class ChatModelFailed(Exception):
    """The chat model did not answer; the message is a sentence for the person. The conversation goes on."""


def server_errors() -> tuple[type[Exception], ...]:
    """Exceptions that mean that the server, not this program, is at fault."""
    import httpx
    import openai
    from langchain_core.exceptions import LangChainException

    # A reply of the wrong shape surfaces as whatever reading it raises.
    nonsense = (json.JSONDecodeError, TypeError, ValueError, KeyError, AttributeError, IndexError)
    return (openai.OpenAIError, httpx.HTTPError, LangChainException, *nonsense)


def sentence_for(error: Exception, server: str) -> str:
    """What happened and what can be done, in one sentence."""
    return f"The chat model at {server} {_what(error)}"


def _what(error: Exception) -> str:
    import httpx
    import openai

    if isinstance(error, openai.APITimeoutError | httpx.TimeoutException):
        return "did not answer in time; ask again, or choose another chat model."
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
    if isinstance(error, openai.APIConnectionError):
        return "cannot be reached; check that it runs and that the base URL is right, or set the chat model to 'offline'."
    if isinstance(error, httpx.HTTPError):
        return "broke off in the middle of its answer; ask again."
    if isinstance(error, openai.APIError):
        return f"reported an error ({_short(error)}); ask again in a moment."
    return "returned something that is not an answer; check that the base URL points at an OpenAI-compatible server."


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
