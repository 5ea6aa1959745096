"""The stored marks of a hit are read back unchanged."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.centroids import centroid
from indexer.near_duplicates import signature
from indexer.opensearch.schema import hit_attributes_column, hit_attributes_of
from indexer.values import HitAttributes, Passage
from tests.builders import indexed, make_document

pytestmark = pytest.mark.search

_TEXTS = ["Trop court.", " ".join(f"Le point {n} vise le service numéro {n}." for n in range(20))]


@given(
    replaces=st.lists(st.text(st.characters()), max_size=3).map(tuple),
    modified=st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    days=st.tuples(st.none() | st.dates(), st.none() | st.dates()),
    text=st.sampled_from(_TEXTS),
)
def test_a_mark_comes_back_whole(
    replaces: tuple[str, ...],
    modified: datetime | None,
    days: tuple[date | None, date | None],
    text: str,
) -> None:
    """Zero bytes, half surrogate pairs, times without a zone, the engine's missing padding."""
    begins, ends = days
    document = make_document(
        replaces=replaces, modified=modified, valid_from=begins, valid_until=ends
    )
    whole = indexed(document, text)
    column = hit_attributes_column(whole).rstrip("=")
    assert hit_attributes_of(column) == HitAttributes(
        "wiki",
        modified.replace(tzinfo=UTC).timestamp() if modified else None,
        begins.isoformat() if begins else None,
        ends.isoformat() if ends else None,
        replaces,
        signature([Passage(text)]),
        centroid(whole.vectors),
    )
