"""The text side: tantivy, fed with terms of our own analysis and replayed from the store."""

import fcntl
import json
import re
import shutil
import sqlite3
import struct
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import tantivy
from numpy.typing import NDArray
from tantivy import Occur, PreTokenizedString, Query, Token

from indexer.cards import NAME_SLOP, account_key, account_keys, card_of, name_lines, name_words
from indexer.embedded.store import Store, text_faults
from indexer.errors import IndexDamaged, IndexUnreachable
from indexer.french.analysis import EXACT, decoded
from indexer.parsed_query import EXACT_WEIGHT, PAIR_WEIGHT, AnalyzedQuery, Phrase, WeightedPhrase
from indexer.values import Byline

WRITER_HEAP_BYTES = 32_000_000
LOCK_TIMEOUT_S = 60.0
PASSAGE_GAP = 100
"""Positions between two passages: no phrase reaches across."""

_FIELDS = ("title", "text")
_NEW = (
    "SELECT seq, title_terms, title_words, body_terms, card FROM documents"
    " JOIN contents USING (seq) WHERE seq"
)
_NEW_AFTER = f"{_NEW} > ? ORDER BY seq"
_NEW_OF = f"{_NEW} IN (SELECT value FROM json_each(?)) ORDER BY seq"  # noqa: S608 - constants
_ROWS_AT_ONCE = 500
_ROWS_OF_A_COMMIT = 20_000
"""Of an expunging: half a minute at most, in which nobody else writes."""
_LAST_ROW = 2**63 - 1
_FOOTER_MARK = 1337
_HELD = "Un autre processus écrit dans l'index intégré : attendez sa fin, puis relancez."


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("row", indexed=True, fast=True)
    for name in (*_FIELDS, "words", "accounts", "names"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="position")
    return builder.build()


class TextIndex:
    """Holds one tantivy document per store row, named by the row's sequence number.

    Only one process writes at a time (an advisory lock on a file, which a killed
    process gives back). The folder carries the store's own name: another store's text
    is never read.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        self._store = store
        self._schema = _schema()
        self._lock_path = folder / "text.lock"
        self._reading = threading.Lock()
        self._path = folder / f"text-{store.uid}"
        self._index = self._opened()
        self._index.config_reader("manual")
        self._seen, self._snapshot = -1, self._index.searcher()

    def replay(self, *, wait: bool) -> None:
        """Bring tantivy up to the store; without `wait`, only if nobody else is writing.

        Raises `IndexUnreachable` when waiting was in vain or tantivy cannot write.
        """
        seq, applied = self._store.progress()
        if applied >= seq:
            return
        with self._lock(LOCK_TIMEOUT_S if wait else 0.0) as held:
            if not held and wait:
                raise IndexUnreachable(_HELD)
            if held:
                self._replay()

    def expunge(self) -> None:
        """Write anew the segments in which something was deleted: their terms stay until then.

        The binding asks for no merge. A segment of which every document is deleted goes by
        itself: so what is left of it is deleted, and added again from the store. Raises
        `IndexUnreachable` as `replay` does.
        """
        self.replay(wait=True)
        with self._held():
            # Former versions deleted nothing: what the store lacks goes first.
            self._write_anew(self._rows_of_none())
            rows = self._rows_beside_deleted()
        for start in range(0, len(rows), _ROWS_OF_A_COMMIT):
            with self._held():  # let go between two: somebody may have a deletion to write
                self._write_anew(rows[start : start + _ROWS_OF_A_COMMIT])
        with self._held():
            # Files that a search of this process still holds are not collected.
            with self._reading:
                self._index.reload()
                self._snapshot = self._index.searcher()
            self._writer().wait_merging_threads()

    def _writer(self) -> tantivy.IndexWriter:
        """A writer, with what no commit names out of its way.

        A process that was killed while it deleted leaves the file that the next one, which
        counts on from the same commit, would write. Only an index that is opened now knows
        of the files of other processes.
        """
        opened = tantivy.Index(self._schema, path=str(self._path))
        writer = opened.writer(heap_size=WRITER_HEAP_BYTES, num_threads=1)
        writer.garbage_collect_files()
        return writer

    @contextmanager
    def _held(self) -> Iterator[None]:
        """The writers' lock for a moment. Raises `IndexUnreachable` where it is not free."""
        with self._lock(LOCK_TIMEOUT_S) as held:
            if not held:
                raise IndexUnreachable(_HELD)
            with text_faults():
                yield

    def _segments(self) -> list[tuple[int, int]]:
        """(documents, deleted ones) of each segment, in the order of the folder's own list."""
        meta = json.loads((self._path / "meta.json").read_text("utf-8"))
        return [
            (segment["max_doc"], (segment["deletes"] or {}).get("num_deleted_docs", 0))
            for segment in meta["segments"]
        ]

    def _every_row(self) -> NDArray[np.int64]:
        self._index.reload()
        return self._rows(Query.all_query(), self._index.searcher())

    def _rows_of_none(self) -> NDArray[np.int64]:
        """The rows that stand in the text and no more in the store."""
        with self._store.reading() as connection:
            kept = [row for (row,) in connection.execute("SELECT seq FROM documents")]
        gone: NDArray[np.int64] = np.setdiff1d(self._every_row(), np.array(kept, dtype=np.int64))
        return gone

    def _rows_beside_deleted(self) -> NDArray[np.int64]:
        """The rows that stand in segments of which something was deleted.

        Every row where the segments of the folder are not those of the search, in order.
        """
        self._index.reload()
        searcher, segments = self._index.searcher(), self._segments()
        addresses = [
            address
            for _, address in searcher.search(
                Query.all_query(), max(searcher.num_docs, 1), count=False
            ).hits
        ]
        rows = np.array(searcher.fast_field_values("row", addresses), dtype=np.int64)
        places = np.array([address.segment_ord for address in addresses], dtype=np.int64)
        alive = np.array([documents - deleted for documents, deleted in segments], dtype=np.int64)
        if not np.array_equal(np.bincount(places, minlength=len(segments)), alive):
            return rows
        touched = np.array([deleted > 0 for _, deleted in segments], dtype=np.bool_)
        return rows[touched[places]]

    def _write_anew(self, rows: NDArray[np.int64]) -> None:
        """Delete these rows and add them again, in one commit; what the store lacks stays gone."""
        if not len(rows):
            return
        writer = self._writer()
        with self._store.reading() as connection:
            for start in range(0, len(rows), _ROWS_AT_ONCE):
                some = json.dumps(rows[start : start + _ROWS_AT_ONCE].tolist())
                for row in json.loads(some):
                    self._delete(writer, row)
                for found in connection.execute(_NEW_OF, (some,)):
                    writer.add_document(_document(found))
        writer.commit()
        writer.wait_merging_threads()

    def matches(
        self,
        request: AnalyzedQuery,
        most: int | None = None,
        snapshot: tantivy.Searcher | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(rows, scores) of every match, or of the `most` best; highest score first.

        A score is BM25 of title and text added (most fields).
        """
        return self._found(self._query(request), most, snapshot)

    def matching(self, request: AnalyzedQuery, snapshot: tantivy.Searcher) -> NDArray[np.int64]:
        """The rows of every match, in no order: no score is computed."""
        return self._rows(self._query(request), snapshot)

    def having(self, phrase: Phrase, snapshot: tantivy.Searcher) -> NDArray[np.int64]:
        """The rows with a phrase in their title or text, in no order; all for an empty one."""
        return self._rows(self._phrase(phrase) if phrase else Query.all_query(), snapshot)

    def _query(self, request: AnalyzedQuery) -> Query:
        clauses = [(Occur.Must, self._phrase(phrase)) for phrase in request.phrases]
        clauses += [(Occur.MustNot, self._phrase(phrase)) for phrase in request.excluded]
        clauses += [(Occur.Must, self._one_of(group)) for group in request.any_of]
        if request.terms:
            terms = [(Occur.Should, self._phrase(((0, term),))) for term in request.terms]
            terms += [(Occur.Should, self._otherwise(group)) for group in request.expansions]
            clauses.append((Occur.Must, Query.boolean_query(terms, request.minimum)))
            clauses += [(Occur.Should, lift) for lift in self._lifts(request)]
        if not request.scores:
            clauses.append((Occur.Must, Query.all_query()))
        return Query.boolean_query(clauses)

    def titled(self, whole: tuple[str, ...], beginning: str) -> NDArray[np.int64]:
        """Rows whose title has these whole words and one that begins so."""
        clauses = [
            (Occur.Must, Query.term_query(self._schema, "words", word)) for word in set(whole)
        ]
        started = Query.regex_query(self._schema, "words", f"{re.escape(beginning)}.*")
        return self._rows(Query.boolean_query([*clauses, (Occur.Must, started)]))

    def contributed(self, byline: Byline, snapshot: tantivy.Searcher) -> NDArray[np.int64]:
        """Rows to which somebody contributed by one of the accounts or under the name."""
        found = [
            Query.term_query(self._schema, "accounts", account_key(account))
            for account in byline.accounts
        ]
        words: list[str | tuple[int, str]] = [*name_words(byline.words)]
        if len(words) == 1:
            found.append(Query.term_query(self._schema, "names", words[0]))
        elif words:
            found.append(Query.phrase_query(self._schema, "names", words, slop=NAME_SLOP))
        any_of = Query.boolean_query([(Occur.Should, query) for query in found])
        return self._rows(any_of, snapshot)

    def signed(self, account_key: str) -> NDArray[np.int64]:
        """Rows to which somebody contributed by the account of that key."""
        return self._rows(Query.term_query(self._schema, "accounts", account_key))

    def _one_of(self, group: Sequence[Phrase]) -> Query:
        return Query.boolean_query([(Occur.Should, self._phrase(phrase)) for phrase in group])

    def _otherwise(self, group: Sequence[WeightedPhrase]) -> Query:
        """By the best of the group, so that many synonyms weigh no more than one."""
        return Query.disjunction_max_query(
            [
                Query.boost_query(self._phrase(expansion.phrase), expansion.weight)
                for expansion in group
            ]
        )

    def near(self, word: str, slips: int) -> NDArray[np.int64]:
        """Rows whose title or text may have a word within so many slips of a folded one."""
        return self._rows(
            Query.boolean_query(
                [
                    (Occur.Should, Query.fuzzy_term_query(self._schema, field, written, slips))
                    for field, written in (("words", word), ("text", EXACT + word))
                ]
            )
        )

    def _lifts(self, request: AnalyzedQuery) -> Iterator[Query]:
        """What adds to the score of a match, and makes none."""
        for word in request.exact:
            yield Query.boost_query(self._phrase(((0, word),)), EXACT_WEIGHT)
        for pair in request.pairs:
            yield Query.boost_query(self._phrase(pair), PAIR_WEIGHT)

    def _phrase(self, phrase: Phrase) -> Query:
        """In the title or in the text; its score is the sum of both."""
        if len(phrase) == 1:
            found = [Query.term_query(self._schema, field, phrase[0][1]) for field in _FIELDS]
        else:
            found = [Query.phrase_query(self._schema, field, list(phrase)) for field in _FIELDS]
        return Query.boolean_query([(Occur.Should, query) for query in found])

    def _found(
        self, query: Query, most: int | None, snapshot: tantivy.Searcher | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        with text_faults():
            searcher = snapshot or self.snapshot()
            limit = max(searcher.num_docs if most is None else most, 1)
            hits = searcher.search(query, limit, count=False).hits
            rows = searcher.fast_field_values("row", [address for _, address in hits])
        return np.array(rows, dtype=np.int64), np.array([s for s, _ in hits], dtype=np.float64)

    def _rows(self, query: Query, snapshot: tantivy.Searcher | None = None) -> NDArray[np.int64]:
        """Ordered by what is wanted, hits come with it: scored, each would be looked up."""
        with text_faults():
            searcher = snapshot or self.snapshot()
            limit = max(searcher.num_docs, 1)
            hits = searcher.search(query, limit, count=False, order_by_field="row").hits
        return np.fromiter((row for row, _ in hits), dtype=np.int64, count=len(hits))

    def snapshot(self) -> tantivy.Searcher:
        """Return what any process has committed so far: the same object until more is."""
        return self.snapshot_at()[1]

    def snapshot_at(self) -> tuple[int, tantivy.Searcher]:
        """Return (number of the last change that is certainly committed, `snapshot()`)."""
        _, applied = self._store.progress()
        with self._reading:
            if applied != self._seen:
                self._index.reload()
                self._seen, self._snapshot = applied, self._index.searcher()
            return self._seen, self._snapshot

    def _opened(self) -> tantivy.Index:
        """Open the folder; a missing or broken one is made anew, to be replayed from zero."""
        if (sound := self._sound()) is not None:
            return sound
        with self._lock(LOCK_TIMEOUT_S) as held:
            if not held:
                raise IndexUnreachable(_HELD)
            if (sound := self._sound()) is not None:  # another process has made it meanwhile
                return sound
            shutil.rmtree(self._path, ignore_errors=True)
            self._path.mkdir(parents=True)
            self._store.mark_applied(0)
            with text_faults():
                return tantivy.Index(self._schema, path=str(self._path))

    def verify(self) -> None:
        """Compare each file of a segment with its checksum. Raises `IndexDamaged`.

        A file ends with a line of JSON that holds the CRC-32 of what stands before it, then the
        length of that line and a mark, of four bytes each (tantivy's `directory/footer.rs`).
        """
        for path in sorted(self._path.glob("*.*")):
            if not re.fullmatch(r"[0-9a-f]{32}\..+", path.name):
                continue
            try:
                content = memoryview(path.read_bytes())
            except FileNotFoundError:  # merged away meanwhile
                continue
            length, mark = struct.unpack("<II", content[-8:]) if len(content) > 8 else (0, 0)
            footer = bytes(content[-8 - length : -8]) if mark == _FOOTER_MARK else b""
            try:
                whole = json.loads(footer)["crc"] == zlib.crc32(content[: -8 - length])
            except (ValueError, KeyError):
                whole = False
            if not whole and path.exists():
                raise IndexDamaged("index de texte")

    def _sound(self) -> tantivy.Index | None:
        """Return the text index in the folder, or None if there is none that can be read."""
        # Broken or of another schema: the store holds all that it held.
        with suppress(IndexUnreachable, IndexDamaged), text_faults():
            if self._path.exists() and tantivy.Index.exists(str(self._path)):
                index = tantivy.Index(self._schema, path=str(self._path))
                index.searcher()
                return index
        return None

    def _replay(self) -> None:
        seq, applied = self._store.progress()
        if applied >= seq:
            return
        with text_faults():
            writer = self._writer()
            with self._store.reading() as connection:
                seq = self._store.seq(connection)
                self._feed(writer, connection, applied)
            writer.commit()
            writer.wait_merging_threads()
        self._store.mark_applied(seq)

    def _feed(
        self, writer: tantivy.IndexWriter, connection: sqlite3.Connection, applied: int
    ) -> None:
        """Repeat what the store says; doing so twice is harmless."""
        gone = "SELECT document FROM removed WHERE seq > ?"
        for (row,) in connection.execute(gone, (applied,)):
            self._delete(writer, row)
        # Left by a crash before `mark_applied`.
        newer = (self._schema, "row", tantivy.FieldType.Unsigned, applied + 1, _LAST_ROW)
        writer.delete_documents_by_query(Query.range_query(*newer))
        for found in connection.execute(_NEW_AFTER, (applied,)):
            writer.add_document(_document(found))

    def _delete(self, writer: tantivy.IndexWriter, row: int) -> None:
        # Not `delete_documents_by_term`: it takes a number for a signed one, and finds nothing.
        writer.delete_documents_by_query(Query.term_query(self._schema, "row", row))

    @contextmanager
    def _lock(self, timeout_s: float) -> Iterator[bool]:
        """Hold the writers' lock, or say that it is not free in time."""
        with self._lock_path.open("ab") as file:
            deadline = time.monotonic() + timeout_s
            while not (held := _locked(file.fileno())) and time.monotonic() < deadline:
                time.sleep(0.005)
            yield held


def _document(found: tuple[int, str, str, str, str]) -> tantivy.Document:
    """A row of the store, as `_NEW` reads it, to be found by its terms."""
    row, title, words, body, card = found
    document = tantivy.Document()
    document.add_unsigned("row", row)
    document.add_pre_tokenized_text("title", _tokens(title))
    document.add_pre_tokenized_text("text", _tokens(body))
    document.add_text("words", words)
    contributions = card_of(card).contributions
    document.add_text("accounts", " ".join(account_keys(contributions)))
    names = "\n".join(name_lines(contributions))
    document.add_pre_tokenized_text("names", _tokens(names))
    return document


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _tokens(lines: str) -> PreTokenizedString:
    """Terms with their positions: a stop word leaves its place empty."""
    tokens, begin = [], 0
    for line in lines.split("\n"):
        tokens += [Token(term, begin + at, 0, 0) for at, term in decoded(line)]
        begin += line.count(" ") + 1 + PASSAGE_GAP
    return PreTokenizedString("", tokens)
