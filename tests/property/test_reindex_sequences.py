"""Whatever is written between the steps of a copy, both generations end alike, no right looser."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.values import Access
from indexer.copying import Copying, copying
from indexer.embedded.generations import EmbeddedGenerations
from indexer.generations import EncoderRecord, Standing
from indexer.live import LiveIndex
from indexer.ports import Encoder, Index
from indexer.reindex import Works, reindex
from indexer.values import IndexedDocument, PutAccess, Remove, Write
from tests.builders import ANYONE, OPEN, allowed, asking, put, reading
from tests.encoders import FakeEncoder

pytestmark = pytest.mark.trust

Steps = list[tuple[str, Any]]
"""What happens, with the writes or ids that it is about."""

OLD, NEW = FakeEncoder(16), FakeEncoder(24)
IDS = [f"wiki:{n}" for n in range(4)] + ["mail:1"]
ACCESSES = [
    OPEN,
    Access(),
    allowed("ldap:group:x"),
    Access(OPEN.allowed, frozenset({"ldap:group:x"})),
]
READERS = [ANYONE, reading("ldap:group:x"), reading(unanswered=frozenset({"ldap"}))]


class OneProcess:
    """The gate of one thread: nobody else is there."""

    @contextmanager
    def writing(self) -> Iterator[None]:
        yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        yield


def _record(encoder: FakeEncoder) -> EncoderRecord:
    return EncoderRecord(encoder.name, encoder.dimension, "fake")


def _encoders(record: EncoderRecord) -> Encoder:
    return OLD if record.name == OLD.name else NEW


_puts = st.builds(
    lambda name, text, access: put(name, text, access=access, title=text),
    st.sampled_from(IDS),
    st.sampled_from(["Le cadastre", "La cantine"]),
    st.sampled_from(ACCESSES),
)
_writes = st.one_of(
    _puts,
    st.builds(PutAccess, st.sampled_from(IDS), st.sampled_from(ACCESSES)),
    st.builds(Remove, st.sampled_from(IDS)),
)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.lists(_writes, min_size=1, max_size=3)),
        st.tuples(st.just("killed between the two"), st.lists(_writes, min_size=1, max_size=2)),
        st.tuples(st.just("read"), st.lists(st.sampled_from(IDS), min_size=1, unique=True)),
        st.tuples(st.just("write what was read"), st.just([])),
    ),
    max_size=10,
)


_NARROWED_WHILE_COPIED: Steps = [
    ("read", ["wiki:0"]),
    ("write", [PutAccess("wiki:0", Access())]),
    ("write what was read", []),
]


@settings(max_examples=20, deadline=None)
@example([put("wiki:0", "Le cadastre", title="Le cadastre")], _NARROWED_WHILE_COPIED)
@given(st.lists(_puts, min_size=1, max_size=4), _steps)
def test_both_end_alike(first: list[Write], steps: Steps) -> None:
    """Copied rows never go over newer ones; nobody reads in the new what the old withholds."""
    with TemporaryDirectory() as folder:
        works = Works(EmbeddedGenerations(Path(folder)), _encoders, OneProcess())
        live = LiveIndex(works.generations, _encoders, works.gate, _record(OLD))
        live.write(first)
        wanted = works.generations.signature(_record(NEW))
        works.generations.begin(wanted)
        old, new = _two(works)
        copy = _copying(works)
        read: list[tuple[list[str], dict[str, IndexedDocument]]] = []
        apart = False
        for step, argument in steps:
            if step == "write":
                live.write(argument)
            elif step == "killed between the two":
                old.write(argument)
                apart = True
            elif step == "read":
                ids = [str(one) for one in argument]
                read.append((ids, copy._read(ids)))
            elif read:
                copy._write(*read.pop(0))
            if not apart:
                _assert_no_looser(old, new)
        reindex(works, wanted)
        _assert_alike(old, new)
        assert live.search(asking()).total == new.search(asking()).total


def _two(works: Works) -> tuple[Index, Index]:
    standing = _standing(works)
    assert standing.filling is not None
    return works.generations.index(standing.live), works.generations.index(standing.filling)


def _copying(works: Works) -> Copying:
    standing = _standing(works)
    assert standing.filling is not None
    return copying(works.generations, standing.live, standing.filling, _encoders, works.gate)


def _standing(works: Works) -> Standing:
    standing = works.generations.standing()
    assert standing is not None
    return standing


def _assert_no_looser(old: Index, new: Index) -> None:
    for reader in READERS:
        seen, kept = (
            {hit.document_id for hit in index.search(asking(access=reader)).lexical}
            for index in (new, old)
        )
        assert seen <= kept


def _assert_alike(old: Index, new: Index) -> None:
    assert old.sources() == new.sources()
    for source in old.sources():
        kept, made = ({one.document_id: one for one in index.scan(source)} for index in (old, new))
        assert kept == made
    ids = [one.document_id for source in old.sources() for one in old.scan(source)]
    for one in new.documents(ids):
        # The title is the passage's text here, and none is encoded twice.
        assert (one.vectors == NEW.passages([p.text for p in one.passages])).all()
    for reader in READERS:
        answers = [index.search(asking(access=reader)) for index in (old, new)]
        assert answers[0].total == answers[1].total
        assert {h.document_id for h in answers[0].lexical} == {
            h.document_id for h in answers[1].lexical
        }
