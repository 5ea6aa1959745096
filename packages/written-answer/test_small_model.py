"""Written answers by a real model on a real server: what it says is checked like a liar's."""

import pytest
from quisait_written_answer import service
from quisait_written_answer.grounding import Grounds, fault_of
from quisait_written_answer.sentences import CitedSentence
from quisait_written_answer.service import passages_to_send
from test_written_answers import ASKED, PATH, app_with, client, writing
from test_written_answers import parts as parts

from search_api.identity.readers import reader_of
from search_api.query.query import Query
from tests.model_server import ModelServer, events_of
from tests.pages.administration import TODAY
from tests.pages.conftest import Parts
from tests.small_model_server import ensure_small_model

pytestmark = pytest.mark.trust

LIMIT_S, TOKENS = 250.0, 40
"""It has two cores at most, and here only few words to write."""


@pytest.mark.parametrize("question", [ASKED, "régie de l'hôpital"])
def test_a_real_model_is_asked_and_checked(
    parts: Parts, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is reached and streams to its end; no sentence is kept that the check would strike."""
    made = writing(
        ModelServer(url=ensure_small_model()), parts, LIMIT_S, passages=1, least_share=0.01
    )
    monkeypatch.setattr(service, "MOST_TOKENS", TOKENS)
    app = app_with(parts, made)
    events = events_of(client(app).post(PATH, json={"q": question}).text)
    assert events[-1]["outcome"] in ("written", "unsupported")
    assert events[-1]["kept"] + events[-1]["struck"] > 0
    reader = reader_of("ag-1", parts.book, TODAY)
    sent = passages_to_send(app.state.services, made, reader, Query(question, page_size=1))
    grounds = [Grounds(one.title, one.heading, one.text) for one in sent]
    assert [one.document_id for one in sent] == [one["id"] for one in events[0]["passages"]]
    for one in events:
        if one["type"] == "sentence":
            assert fault_of(CitedSentence(one["text"], tuple(one["cited"])), grounds) is None


def test_a_follow_up_question_reaches_a_real_model(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rewritten or not, it is a question of one line that is searched."""
    made = writing(ModelServer(url=ensure_small_model()), parts, LIMIT_S, passages=1)
    monkeypatch.setattr(service, "MOST_TOKENS", TOKENS)
    thread = [ASKED]
    asked = {"q": "et pour un hôpital ?", "thread": thread}
    events = events_of(client(app_with(parts, made)).post(PATH, json=asked).text)
    assert events[0]["type"] == "question"
    assert events[0]["q"].strip()
    assert "\n" not in events[0]["q"]
    assert events[-1]["type"] == "end"
    assert events[-1]["outcome"] != "failed"
