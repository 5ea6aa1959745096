"""A real model on a real server: whatever it writes, only sentences of documents are shown."""

import pytest
from test_written_answers import ASKED, PATH, app_with, client, writing
from test_written_answers import parts as parts

from tests.model_server import ModelServer
from tests.pages.administration import documents
from tests.pages.conftest import Parts
from tests.small_model_server import ensure_small_model

pytestmark = pytest.mark.trust

LIMIT_S = 250.0
"""It has two cores at most."""


@pytest.mark.parametrize("question", [ASKED, "régie de l'hôpital"])
def test_a_real_model_invents_nothing(parts: Parts, question: str) -> None:
    """It is reached; a small one rarely obeys, and then nothing is shown."""
    made = writing(ModelServer(url=ensure_small_model()), parts, LIMIT_S, passages=1)
    body = client(app_with(parts, made)).post(PATH, json={"q": question}).json()
    assert body["outcome"] in ("chosen", "no_answer", "failed")
    texts = [passage.text for one in documents() for passage in one.indexed.passages]
    assert all(any(one["text"] in text for text in texts) for one in body["quotes"])
