"""Whatever is written while an index is filled, each answer is that of the last word."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.values import Access
from indexer.access import access_filter
from indexer.embedded.storage import EmbeddedStorage
from indexer.live_index import EncoderRecord, LiveIndex
from indexer.ports import Encoder, Index
from indexer.reindex import IndexCopy, ReindexDependencies, begin, live_of, reindex
from indexer.values import IndexedDocument, IndexEntry, Put, PutAccess, Remove, Write
from tests.builders import OPEN, allowed, asking, put, reader_with
from tests.encoders import FakeEncoder
from tests.oracle import may_read
from tests.selection import examples

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
READERS = [
    reader_with(),
    reader_with("ldap:group:x"),
    reader_with(unanswered=frozenset({"ldap"})),
]


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
_ids = st.lists(st.sampled_from(IDS), min_size=1, unique=True)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.lists(_writes, min_size=1, max_size=3)),
        st.tuples(st.just("read"), _ids),
        st.tuples(st.just("write what was read"), st.just([])),
        st.tuples(st.just("killed while it wrote what was read"), st.just([])),
        st.tuples(st.just("expunge"), st.just([])),
        st.tuples(st.just("begin again"), st.just([])),
    ),
    max_size=10,
)

_NARROWED_WHILE_COPIED: Steps = [
    ("read", ["wiki:0"]),
    ("write", [PutAccess("wiki:0", Access())]),
    ("write what was read", []),
]
_REMOVED_AND_EXPUNGED_WHILE_COPIED: Steps = [
    ("read", ["wiki:0"]),
    ("write", [Remove("wiki:0")]),
    ("expunge", []),
    ("write what was read", []),
]
_FIRST = [put("wiki:0", "Le cadastre", title="Le cadastre")]


class Expected:
    """The last word about each document."""

    def __init__(self) -> None:
        self.entries: dict[str, IndexEntry] = {}

    def write(self, batch: list[Write]) -> None:
        for write in batch:
            match write:
                case Put(indexed):
                    document = indexed.document
                    self.entries[document.id] = IndexEntry(
                        document.id, indexed.content_hash, indexed.record_hash, document.access
                    )
                case PutAccess(document_id, access) if document_id in self.entries:
                    former = self.entries[document_id]
                    self.entries[document_id] = IndexEntry(
                        document_id, former.content_hash, former.record_hash, access
                    )
                case Remove(document_id):
                    self.entries.pop(document_id, None)

    def check(self, index: Index) -> None:
        """Check the content of the index, and the answers to each reader."""
        assert {one: index.kept(IDS)[one] for one in index.kept(IDS)} == self.entries
        for reader in READERS:
            readable = {
                entry.document_id
                for entry in self.entries.values()
                if may_read(reader, entry.access, entry.document_id.partition(":")[0], "")
            }
            answer = index.search(asking(access=access_filter(reader)))
            assert {hit.document_id for hit in answer.lexical} == readable
            assert answer.total == len(readable)


@examples(12, 100)
@example(_FIRST, _NARROWED_WHILE_COPIED)
@example(_FIRST, _REMOVED_AND_EXPUNGED_WHILE_COPIED)
@given(st.lists(_puts, min_size=1, max_size=4), _steps)
def test_each_answer_is_that_of_the_last_word(first: list[Write], steps: Steps) -> None:
    """Before, while and after another index is filled; a copy never brings anything back."""
    # tantivy may still take a lock in a folder that it opened a moment ago.
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        parts = ReindexDependencies(EmbeddedStorage(Path(folder)), _encoders, OneProcess())
        live = LiveIndex(parts.storage, _encoders, parts.gate, _record(OLD))
        expected = Expected()
        live.write(first)
        expected.write(first)
        wanted = parts.storage.spec(_record(NEW))
        copy = _copy(parts)
        read: list[tuple[list[str], dict[str, IndexedDocument]]] = []
        for step, argument in steps:
            match step:
                case "write":
                    live.write(argument)
                    expected.write(argument)
                case "read":
                    read.append((argument, copy.read(argument)))
                case "write what was read" if read:
                    copy.write(*read.pop(0))
                case "killed while it wrote what was read" if read:
                    ids, documents = read.pop(0)
                    copy.write(ids[:1], documents)
                case "expunge":
                    live.expunge()
                    _assert_nothing_stale(copy)
                case "begin again":
                    assert begin(parts, wanted)[1]
            expected.check(live)
        reindex(parts, wanted)
        expected.check(live)
        new = parts.storage.index(live_of(parts.storage))
        assert live_of(parts.storage).spec == wanted
        for one in new.documents(list(expected.entries)):
            # The title is the passage's text here, and none is encoded twice.
            assert (one.vectors == NEW.passages([p.text for p in one.passages])).all()
        closing: list[Write] = [PutAccess(document_id, Access()) for document_id in IDS]
        live.write(closing)
        expected.write(closing)
        expected.check(live)


def _copy(parts: ReindexDependencies) -> IndexCopy:
    """From the live index to one that was begun."""
    beside, _ = begin(parts, parts.storage.spec(_record(NEW)))
    source, target = map(parts.storage.index, (live_of(parts.storage), beside))
    return IndexCopy(source, target, lambda: NEW, parts.gate)


def _assert_nothing_stale(copy: IndexCopy) -> None:
    """No text lies beside that the live index has not."""
    for source in copy.target.sources():
        for entry in copy.target.scan(source):
            now = copy.source.kept([entry.document_id])[entry.document_id]
            assert (now.content_hash, now.record_hash) == (entry.content_hash, entry.record_hash)
