"""Tools that write or run long do so only when the person's own words ask for it, or say yes to being asked.

What a chat model reads in a slide's metadata, a label or a file name may try to give it orders; it cannot give consent.
"""

import re

from agent.session import Session
from tools.errors import ToolError

_ASKED_FOR = {
    "export_result": re.compile(
        r"\b(?:export|sav(?:e|ing)|write|download|report|file|csv|geojson|qupath|h5ad|scanpy|png|html|figure|table|copy"
        r"|speicher|exportier|schreib|bericht|herunterlad|datei|abbildung|tabelle"
        r"|enregistr|export|télécharg|rapport|fichier|sauvegard|tableau)", re.I,
    ),
    "tile_slide": re.compile(
        r"\b(?:til(?:e|ing)|grid|pitch|spacing|lay|re-?lay|spots? of|spots? every|hex|square"
        r"|raster|gitter|kachel|grille|maillage)", re.I,
    ),
    "infer_expression": re.compile(
        r"\b(?:infer|prepar|predict|process|analy[sz]|run\b|comput|expression"
        r"|vorbereit|berechn|inferier|auswert|prépar|infér|calcul)", re.I,
    ),
}  # fmt: skip
_DOES = {
    "export_result": "writes a file into the workspace",
    "tile_slide": "lays a new grid of spots in place of the one that everybody uses",
    "infer_expression": "prepares the slide, which takes minutes",
}
_YES = re.compile(
    r"\s*(?:yes|yep|yeah|sure|ok(?:ay)?|please|do (?:it|so|that)|go (?:ahead|on)|ja\b|gern|mach|oui|d'accord|vas-y)\b",
    re.I,
)


def check_consent(session: Session, tool: str, question: str) -> None:
    """Raise ToolError unless `question`, the person's last message, asks for what `tool` does or says yes to it."""
    wanted = _ASKED_FOR.get(tool)
    if wanted is None or wanted.search(question):
        return
    if tool in session.held_back and session.held_back[tool] != question and _YES.match(question):
        del session.held_back[tool]
        return
    session.held_back[tool] = question
    raise ToolError(
        f"{tool} {_DOES[tool]}, and the person did not ask for it. It was not run. Ask the person whether they want "
        "it; after they say yes, call it again."
    )


def held_back_words(session: Session, question: str) -> str:
    """What was not run in the turn of `question`, for the person; empty where everything was."""
    tools = [tool for tool, asked in session.held_back.items() if asked == question]
    if not tools:
        return ""
    return (
        f"(Not run without your word: {', '.join(f'{tool}, which {_DOES[tool]}' for tool in tools)}. Say yes to do so.)"
    )
