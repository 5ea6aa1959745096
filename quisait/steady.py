"""A server's answers come at an even pace."""

import gc
from contextlib import suppress

from indexer.access import NOBODY, access_filter
from indexer.errors import IndexRefused, IndexUnreachable
from indexer.ports import IndexReader
from indexer.values import Question, SearchRequest


def ready(in_memory: IndexReader | None) -> None:
    """Load what every question needs, and leave it out of the garbage collector's rounds.

    `in_memory` is an index that this process holds, None where an engine holds it.

    A round through an index in memory costs whoever asks just then a tenth of a second and
    more (`python -m benchmarks.experts_latency`). Once in a process, before it serves. An
    index that cannot be read stops nothing: the pages tell so.
    """
    if in_memory is not None:
        with suppress(IndexUnreachable, IndexRefused):
            in_memory.search(SearchRequest(access_filter(NOBODY), Question(), window=1))
    gc.collect()
    gc.freeze()
