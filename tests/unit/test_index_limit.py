"""The embedded index counts its passages, and warns before its limit is reached."""

import logging
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.embedded import index as embedded
from indexer.embedded.index import EmbeddedIndex
from indexer.values import IndexFill, Put, Remove, Write
from quisait.work.index_limit import limit_warning, log_limit
from tests.builders import ENCODER, put

IDS = st.sampled_from(("wiki:1", "wiki:2", "wiki:3"))
WRITES = st.one_of(
    st.builds(Remove, IDS),
    st.builds(
        lambda name, count: put(name, *(f"texte {n}" for n in range(count))), IDS, st.integers(0, 4)
    ),
)


@settings(max_examples=25)
@given(history=st.lists(st.lists(WRITES, max_size=4), max_size=3))
def test_passages_are_counted_as_they_are_kept(
    history: list[list[Write]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Through whatever was written again and removed."""
    index, kept = (
        EmbeddedIndex(tmp_path_factory.mktemp("index"), ENCODER.dimension),
        dict[str, int](),
    )
    for batch in history:
        assert not index.write(batch).failed
        for write in batch:
            if isinstance(write, Put):
                kept[write.indexed.document.id] = len(write.indexed.passages)
            elif isinstance(write, Remove):
                kept.pop(write.document_id, None)
    assert index.fill().passages == sum(kept.values())


@pytest.mark.parametrize(
    ("limit", "said"), [(6, ""), (5, "presque plein (4 passages sur 5)"), (4, "dépasse sa limite")]
)
def test_it_is_told_from_four_fifths_on(
    limit: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With what to do; in the log as numbers."""
    monkeypatch.setattr(embedded, "MOST_PASSAGES", limit)
    index = EmbeddedIndex(tmp_path, ENCODER.dimension)
    index.write([put("wiki:1", "un", "deux", "trois", "quatre")])
    warning = limit_warning(index)
    assert said in warning
    assert bool(warning) == bool(said)
    with caplog.at_level(logging.WARNING):
        log_limit(index)
    assert [vars(one)["passages"] for one in caplog.records] == ([4] if said else [])
    if said:
        assert 'engine = "opensearch"' in warning
        assert "quisait reindex --from embedded" in warning


def test_an_engine_without_a_limit_says_nothing() -> None:
    """An index of several machines."""

    class Cluster:
        def fill(self) -> IndexFill | None:
            return None

    assert limit_warning(Cluster()) == ""  # type: ignore[arg-type]
