"""JSON of requests to OpenSearch and of its answers."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opensearchpy.exceptions import SerializationError

from indexer.opensearch.client import OrjsonSerializer

pytestmark = pytest.mark.search

ANY_CHARACTER = st.characters(exclude_categories=())
SAID = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)  # the engine's own: `long`, `unsigned_long`
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(ANY_CHARACTER),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(ANY_CHARACTER), inner),
    max_leaves=8,
)


@given(SAID.filter(lambda said: not isinstance(said, str)))
def test_what_is_said_comes_back(said: Any) -> None:
    """Half a surrogate pair too, and integers of 64 bits; a line is one line."""
    serializer = OrjsonSerializer()
    line = serializer.dumps(said)
    assert "\n" not in line
    assert serializer.loads(line) == said == json.loads(line)
    assert serializer.loads(json.dumps(said)) == said


def test_a_body_that_is_text_already_stays_as_it_is() -> None:
    """Lines of a `_bulk` request are made elsewhere."""
    assert OrjsonSerializer().dumps('{"index": {}}\n') == '{"index": {}}\n'


@pytest.mark.parametrize("answer", ["", "<html>", '{"hits": ', "\x00"])
def test_what_is_no_json_is_told_as_the_client_tells_it(answer: str) -> None:
    """So that a proxy's page becomes a sentence (`engine_faults`)."""
    with pytest.raises(SerializationError):
        OrjsonSerializer().loads(answer)
