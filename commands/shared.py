"""What every command shares: options, settings, the workspace, and opening a slide."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from settings import Settings, apply_environment
from terminal import progress_bars, say
from tools.logs import set_up
from tools.network import forbid_network
from tools.redact import keep_secret

if TYPE_CHECKING:
    from tools.prepared import PreparedSlide
    from tools.workspace import Workspace

WorkspaceOption = Annotated[Path | None, typer.Option("--workspace", help="Folder of prepared slides.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
SlideArgument = Annotated[str, typer.Argument(help="Name in the workspace, path of a slide, or 'demo'.")]
MppOption = Annotated[float | None, typer.Option(help="Microns per pixel, where the slide does not store them.")]
DeviceOption = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps or auto.")]
LogOption = Annotated[Literal["text", "json"] | None, typer.Option(help="text, or json: one event a line on stderr.")]
CompileOption = Annotated[bool | None, typer.Option(help="Run networks through torch.compile.")]
ChatOption = Annotated[str | None, typer.Option(help="offline, or openai/<model> with OPENAI_API_KEY.")]


def settings_from(*, hub: bool = False, **flags: Any) -> Settings:
    """Settings with the flags that were given; None means not given. `hub`: this command may download weights."""
    apply_environment(hub=hub)
    settings = Settings(**{name: value for name, value in flags.items() if value is not None})
    set_up(settings.log)
    for secret in (settings.openai_api_key, settings.auth, settings.mcp_token):
        keep_secret(secret.get_secret_value() if secret else None)
    if settings.offline and not hub:
        forbid_network(settings.offline_hosts)
    return settings


def trail_of(settings: Settings, by: str) -> Any:
    """Where answers are noted; None where the settings say not to."""
    from agent.answer_trail import Trail

    return Trail(settings.workspace.resolve(), settings.audit_mb, by, settings.chat_model) if settings.audit else None


def workspace_of(settings: Settings) -> "Workspace":
    """The workspace of these settings."""
    from tools.workspace import Workspace

    return Workspace(settings.workspace.resolve(), settings.demo_slide)


def runtime_of(settings: Settings) -> Any:
    """Where models run and the index lies."""
    from tools.prepare import Runtime

    return Runtime(settings.device, settings.models_dir, settings.chroma_url, compile=settings.compile)


def run_prepare(settings: Settings, slide: str, options: Any) -> "PreparedSlide":
    """All stages, with progress bars."""
    from tools.prepare import prepare as run_stages

    with progress_bars() as progress:
        return run_stages(workspace_of(settings), slide, options, runtime_of(settings), progress)


def open_or_prepare(settings: Settings, slide: str, mpp: float | None) -> "PreparedSlide":
    """The slide as it was prepared, or prepared now."""
    from tools.prepared import load_prepared
    from tools.workspace import PrepareOptions

    workspace = workspace_of(settings)
    state = workspace.find(slide)
    if state.state == "prepared" and mpp in (None, state.mpp):
        return load_prepared(workspace, state.name, settings.device, settings.models_dir)
    say(f"{state.name} is not prepared yet; preparing it first.")
    known = state.options if state.state != "new" else PrepareOptions(models=settings.models)
    return run_prepare(settings, slide, known if mpp is None else PrepareOptions(mpp, models=known.models))
