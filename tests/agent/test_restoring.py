"""A conversation that is put away and taken up again, or rolled back to an earlier question."""

import json

from agent.loop import Conversation
from agent.session import Session
from tests.agent.conftest import Settings, calls


def test_a_restored_conversation_knows_what_there_means(offline: Conversation, session: Session) -> None:
    list(offline.ask("where is the epidermis?"))
    said = json.loads(json.dumps(offline.dump()))
    later = Conversation(session, Settings())
    later.restore(said)
    region = calls(list(later.ask("which genes are high there?")))[0].args["region"]
    assert region.startswith("r") or region == "epidermis"


def test_a_rewound_conversation_has_forgotten_the_last_question(offline: Conversation) -> None:
    list(offline.ask("where is the epidermis?"))
    before = offline.dump()
    list(offline.ask("and the stroma?"))
    offline.rewind(1)
    assert offline.dump() == before
    offline.rewind(5)
    assert offline.dump() == before
    offline.rewind(0)
    assert offline.dump() == []


def test_ids_of_layers_are_never_given_twice(session: Session) -> None:
    assert session.slide is not None
    values = session.slide.text_scores("fat")
    first = session.add_layer("fat", "score", values)
    del session.layers[first.id]
    assert session.add_layer("fat", "score", values).id != first.id
