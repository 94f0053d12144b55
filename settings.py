"""The one place that reads environment variables: prefix SPOTWHISPERER_, a `.env` file, or the command line's flags."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).parent


class Settings(BaseSettings):
    """Everything that can be configured; the defaults need no network and no key."""

    model_config = SettingsConfigDict(
        env_prefix="SPOTWHISPERER_", env_file=".env", extra="ignore", populate_by_name=True
    )

    workspace: Path = ROOT / "workspace"
    models: str = "starter"
    models_dir: Path | None = None
    device: str = "auto"
    compile: bool = False  # networks through torch.compile: slower to start, on some GPUs faster to run
    demo_slide: Path = ROOT / "demo" / "cmu_small_region.svs"

    chat_model: str = "offline"
    openai_base_url: str | None = Field(
        None, validation_alias=AliasChoices("SPOTWHISPERER_OPENAI_BASE_URL", "OPENAI_BASE_URL")
    )
    openai_api_key: SecretStr | None = Field(
        None, validation_alias=AliasChoices("SPOTWHISPERER_OPENAI_API_KEY", "OPENAI_API_KEY")
    )

    chat_timeout_s: float = 60.0
    chat_retries: int = 2  # after a rate limit, a failure of the server or a lost connection, with growing pauses
    chat_sees: bool | None = None  # whether the chat model takes images; None goes by its name
    chat_strict: bool = False  # ask the server to hold tool arguments to their schema, as small models need
    chat_price_in: float | None = None  # per million tokens, to show what a turn cost
    chat_price_out: float | None = None

    chroma_url: str | None = None
    offline: bool = False  # held at the socket: nothing but this machine and `offline_hosts` can be reached
    offline_hosts: Annotated[tuple[str, ...], NoDecode] = ()  # an in-house chat or Chroma server; `,` between several
    host: str = "127.0.0.1"
    port: int = 7860
    auth: SecretStr | None = None  # "user:password", asked for on every address but the health routes
    behind_proxy: str | None = None  # header in which a proxy names the person that it let in, such as X-Remote-User
    proxy_addresses: Annotated[tuple[str, ...], NoDecode] = ("127.0.0.1", "::1")  # whom that header is believed
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()  # names under which the page is reached, beside localhost
    mcp_token: SecretStr | None = None  # what MCP clients over HTTP send as bearer token
    slide_folders: Annotated[tuple[Path, ...], NoDecode] = ()  # whose slides the page offers; `:` between several

    upload_limit_mb: int = 4_000  # one file
    upload_visitor_mb: int = 20_000  # all files of one visitor
    upload_total_mb: int = 200_000  # all files of everybody
    turns_at_once: int = 3  # questions that are answered at the same time; the others wait, and are told their place
    waiting_most: int = 200  # questions that may wait
    idle_minutes: float = 60.0  # after which a conversation leaves memory; the workspace keeps it
    keep_days: float | None = None  # after which a conversation is forgotten for good; None keeps all
    shutdown_s: float = 20.0  # how long running answers may take when the server is told to end
    log: Literal["text", "json"] = "text"
    audit: bool = True  # keep a trail of answers in the workspace, for `replay`
    audit_mb: int = 50  # after which a new file of it is begun; the last five are kept

    @field_validator("offline_hosts", "proxy_addresses", "allowed_hosts", mode="before")
    @classmethod
    def _names(cls, given: object) -> object:
        """Names with commas between them."""
        return tuple(part.strip() for part in given.split(",") if part.strip()) if isinstance(given, str) else given

    @field_validator("slide_folders", mode="before")
    @classmethod
    def _folders(cls, given: object) -> object:
        """Folders as a PATH-like text, as variables and `.env` hold them."""
        return tuple(Path(part) for part in given.split(os.pathsep) if part) if isinstance(given, str) else given


QUIET = {  # what libraries would send home, or say
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "ANONYMIZED_TELEMETRY": "False",
    "LANGSMITH_TRACING": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_MININTERVAL": "0.5",
}


def apply_environment(*, hub: bool = False) -> None:
    """Switch off what libraries would send home; called before any of them is imported.

    `hub` lets this process download weights, for the one command that the person asks to do so.
    """
    for name, value in (QUIET | {"HF_HUB_OFFLINE": "0" if hub else "1"}).items():
        os.environ.setdefault(name, value)
