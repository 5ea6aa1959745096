"""Preparations of a server before it answers requests."""

import gc
from typing import Any, cast

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from indexer.errors import IndexUnreachable
from indexer.ports import IndexReader
from quisait.server.app import BLAS_THREADS, warm_up

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


@pytest.mark.parametrize(("chosen", "served"), [("", 1), ("2", 2)])
def test_small_products_take_one_thread_unless_somebody_chose(
    chosen: str, served: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every library of products that is loaded; numpy brings one."""
    monkeypatch.delenv(BLAS_THREADS, raising=False)
    if chosen:
        monkeypatch.setenv(BLAS_THREADS, chosen)
    np.ones((2, 2), np.float32) @ np.ones((2, 2), np.float32)
    with threadpool_limits(2, user_api="blas"):
        warm_up(None)
        found = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
    gc.unfreeze()
    assert found
    assert set(found) == {served}
