"""What is loaded once is there for every visitor."""

from models.registry import load
from tools.prepared import load_prepared
from tools.workspace import Workspace


def test_two_visitors_get_the_same_slide_and_the_same_models(fake_workspace: Workspace) -> None:
    one, other = (load_prepared(Workspace(fake_workspace.root), "tissue") for _ in range(2))
    assert one is other
    assert one.joint is other.joint is load("fake-joint", "auto")
    one.text_scores("epidermis", scorer="image-text")
    assert one._seen_by("fake-image-text").model is load("fake-image-text", "auto")
