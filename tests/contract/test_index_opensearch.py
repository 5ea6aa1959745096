"""OpenSearch keeps the contract of the `Index` port.

`TESTS_SHARDS=3` runs it on an index of as many shards, `TESTS_QUANTISATION="7 bits"` on one that
compares small vectors, `TESTS_OPENSEARCH=3.6.0` on that version.
"""

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest

from indexer.opensearch.index import OpenSearchIndex
from quisait.settings import IndexSettings
from tests.builders import ENCODER, asking
from tests.contract.index_contract import IndexContract
from tests.opensearch_index import client, empty, fresh_index

pytestmark = pytest.mark.search

SHARDS = int(os.environ.get("TESTS_SHARDS", "1"))
QUANTISATION = IndexSettings.model_validate(
    {"quantisation": os.environ.get("TESTS_QUANTISATION", "none")}
).quantisation
ALIAS = f"test-{uuid4().hex}"
ALIAS = f"test-{uuid4().hex}"


@pytest.fixture(scope="module")
def kept_index() -> Iterator[OpenSearchIndex]:
    """Return an index that is refreshed where the adapter asks for it, and at no other moment.

    What was deleted before counts in scores for a while: it may not end between two searches.
    """
    with fresh_index(ENCODER.dimension, ALIAS, shards=SHARDS, quantisation=QUANTISATION) as index:
        assert index.sources() == frozenset()
        unasked = {"index.refresh_interval": "-1"}
        client().indices.put_settings(index=f"{ALIAS}-*", body=unasked)
        yield index


class TestOpenSearchIndex(IndexContract):
    """All checks of the contract, on a real OpenSearch."""

    @pytest.fixture
    def index(self, kept_index: OpenSearchIndex) -> OpenSearchIndex:
        """The same index for each check, emptied: making one takes longer than most checks."""
        empty(ALIAS)
        return kept_index


def test_an_index_that_nobody_wrote_to_answers() -> None:
    with fresh_index(ENCODER.dimension) as index:
        assert index.search(asking("cadastre")).total == 0
        assert index.sources() == frozenset()
