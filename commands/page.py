"""Serving the page."""

from typing import Annotated

import typer

from commands.shared import ChatOption, LogOption, WorkspaceOption, settings_from
from terminal import errors_as_sentences, say
from tools.errors import SlideError


def serve(
    workspace: WorkspaceOption = None,
    host: Annotated[str | None, typer.Option()] = None,
    port: Annotated[int | None, typer.Option()] = None,
    chat_model: ChatOption = None,
    behind_proxy: Annotated[
        str | None, typer.Option(help="Header in which a proxy that logs people in names who asks, as X-Remote-User.")
    ] = None,
    log: LogOption = None,
) -> None:
    """Serve the page at http://127.0.0.1:7860. Another host needs a password (SPOTWHISPERER_AUTH) or such a proxy."""
    settings = settings_from(
        workspace=workspace, host=host, port=port, chat_model=chat_model, behind_proxy=behind_proxy, log=log
    )
    with errors_as_sentences():
        from viewer.server import PageError
        from viewer.server import serve as serve_page

        say(f"Loading; the page will be at http://{settings.host}:{settings.port} (stop it with Ctrl+C)")
        try:
            serve_page(settings)
        except PageError as error:
            raise SlideError(str(error)) from error
