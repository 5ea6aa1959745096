"""OpenSearch keeps the contract of the `Index` port."""

from collections.abc import Iterator

import pytest

from indexer.opensearch.index import OpenSearchIndex
from tests.builders import ENCODER
from tests.contract.index_contract import IndexContract
from tests.opensearch_index import fresh_index

pytestmark = pytest.mark.search


class TestOpenSearchIndex(IndexContract):
    """All checks of the contract, on a real OpenSearch."""

    @pytest.fixture
    def index(self) -> Iterator[OpenSearchIndex]:
        with fresh_index(ENCODER.dimension) as index:
            yield index
