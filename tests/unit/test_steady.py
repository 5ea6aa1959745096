"""What a server sets aside before it serves."""

import gc
from typing import Any, cast

import pytest

from indexer.errors import IndexUnreachable
from indexer.ports import IndexReader
from quisait.server.app import warm_up

pytestmark = pytest.mark.search


class Away:
    """An index that does not answer."""

    def search(self, request: Any) -> Any:
        raise IndexUnreachable("away")


def test_what_stands_is_set_aside_whatever_the_index_says() -> None:
    """An index that is away stops nothing."""
    before = gc.get_freeze_count()
    try:
        warm_up(cast(IndexReader, Away()))
        assert gc.get_freeze_count() > before + 1000
    finally:
        gc.unfreeze()
