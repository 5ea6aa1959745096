"""OpenSearch keeps the contract of the `Index` port.

`TESTS_SHARDS=3` runs it on an index of as many shards, `TESTS_QUANTISATION="7 bits"` on one that
compares small vectors, `TESTS_OPENSEARCH=3.6.0` on that version.
"""

import os
from collections.abc import Iterator

import pytest

from indexer.opensearch.index import OpenSearchIndex
from quisait.settings import IndexSettings
from tests.builders import ENCODER
from tests.contract.index_contract import IndexContract
from tests.opensearch_index import fresh_index

pytestmark = pytest.mark.search

SHARDS = int(os.environ.get("TESTS_SHARDS", "1"))
QUANTISATION = IndexSettings.model_validate(
    {"quantisation": os.environ.get("TESTS_QUANTISATION", "none")}
).quantisation


class TestOpenSearchIndex(IndexContract):
    """All checks of the contract, on a real OpenSearch."""

    @pytest.fixture
    def index(self) -> Iterator[OpenSearchIndex]:
        with fresh_index(ENCODER.dimension, shards=SHARDS, quantisation=QUANTISATION) as index:
            yield index
