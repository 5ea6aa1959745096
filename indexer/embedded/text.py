"""The text index: tantivy, fed with terms of our own analysis and replayed from the store."""

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
from indexer.french.analysis import EXACT, analyse, decoded, encoded
from indexer.parsed_query import EXACT_WEIGHT, PAIR_WEIGHT, ParsedQuery, Phrase, WeightedPhrase
from indexer.values import Byline

WRITER_HEAP_BYTES = 32_000_000
LOCK_TIMEOUT_S = 60.0
PASSAGE_GAP = 100
"""Positions between two passages, so that no phrase spans both."""

_FIELDS = ("title", "text", "questions")
_NEW = (
    "SELECT seq, title_terms, title_words, body_terms, card FROM documents"
    " JOIN contents USING (seq) WHERE seq"
)
_NEW_AFTER = f"{_NEW} > ? ORDER BY seq"
_NEW_OF = f"{_NEW} IN (SELECT value FROM json_each(?)) ORDER BY seq"  # noqa: S608 - constants
_ROWS_AT_ONCE = 500
_ROWS_OF_A_COMMIT = 20_000
"""Number of rows per commit of an expunge. A commit takes about half a minute, during which no
other process can write.
"""
_LAST_ROW = 2**63 - 1
_FOOTER_MARK = 1337
_HELD = "Un autre processus écrit dans l'index intégré : attendez sa fin, puis relancez."


REPLAY_BEGINS_S = 1.0
"""Time in which a process that wrote to the store takes the lock to repeat it here, in seconds."""
_INCOMPLETE = (
    "Les fichiers de mots de l'index sont incomplets ou abîmés : la prochaine lecture (« quisait "
    "crawl »), ou « quisait run » à son démarrage, les refait."
)


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("row", indexed=True, fast=True)
    for name in (*_FIELDS, "words", "accounts", "names"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="position")
    return builder.build()


class TextIndex:
    """Holds one tantivy document per store row, identified by the row's sequence number.

    Only one process writes at a time (an advisory file lock, which a killed process releases). The
    folder is named after the store, so that another store's text is never read.
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
        """Bring tantivy up to date with the store; without `wait`, only if the lock is free.

        Raises `IndexUnreachable` if the lock is not free in time or tantivy cannot write.
        """
        seq, applied = self._store.progress()
        if applied >= seq:
            return
        if self._store.read_only:
            self._await_replay()
            return
        with self._lock(LOCK_TIMEOUT_S if wait else 0.0) as held:
            if not held and wait:
                raise IndexUnreachable(_HELD)
            if held:
                self._replay()

    def _await_replay(self) -> None:
        """Wait a moment until another process has brought tantivy up to date, or begun to.

        Raises `IndexUnreachable` if no other process does: words of documents would be missed.
        """
        deadline = time.monotonic() + REPLAY_BEGINS_S
        while time.monotonic() < deadline:
            seq, applied = self._store.progress()
            if applied >= seq:
                return
            with self._lock(0.0) as free:
                if not free:
                    return
            time.sleep(0.01)
        raise IndexUnreachable(_INCOMPLETE)

    def expunge(self) -> None:
        """Rewrite segments with deleted documents, because these still hold their terms.

        The Python binding cannot merge segments. A segment disappears once all its documents are
        deleted. Therefore its remaining documents are deleted, and added again from the store.
        Raises `IndexUnreachable` like `replay`.
        """
        self.replay(wait=True)
        with self._held():
            # Former versions deleted nothing: first remove rows that the store no longer has.
            self._rewrite(self._stale_rows())
            rows = self._rows_beside_deleted()
        for start in range(0, len(rows), _ROWS_OF_A_COMMIT):
            with self._held():  # released between commits: others may have to write
                self._rewrite(rows[start : start + _ROWS_OF_A_COMMIT])
        with self._held():
            # Files that this process's searcher still holds would not be collected.
            with self._reading:
                self._index.reload()
                self._snapshot = self._index.searcher()
            self._writer().wait_merging_threads()

    def _writer(self) -> tantivy.IndexWriter:
        """Return a writer, after deleting files that no commit names.

        A process killed while it deleted documents leaves a file under the name that the next
        writer, which continues from the same commit, would use. Only a newly opened index knows the
        files of other processes.
        """
        opened = tantivy.Index(self._schema, path=str(self._path))
        writer = opened.writer(heap_size=WRITER_HEAP_BYTES, num_threads=1)
        writer.garbage_collect_files()
        return writer

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the writers' lock for a moment. Raises `IndexUnreachable` if it is not free."""
        with self._lock(LOCK_TIMEOUT_S) as held:
            if not held:
                raise IndexUnreachable(_HELD)
            with text_faults():
                yield

    def _segments(self) -> list[tuple[int, int]]:
        """Return (documents, deleted documents) of each segment, in the folder's order."""
        meta = json.loads((self._path / "meta.json").read_text("utf-8"))
        return [
            (segment["max_doc"], (segment["deletes"] or {}).get("num_deleted_docs", 0))
            for segment in meta["segments"]
        ]

    def _every_row(self) -> NDArray[np.int64]:
        self._index.reload()
        return self._rows(Query.all_query(), self._index.searcher())

    def _stale_rows(self) -> NDArray[np.int64]:
        """Return the rows in the text index that the store no longer has."""
        with self._store.reading() as connection:
            stored = [row for (row,) in connection.execute("SELECT seq FROM documents")]
        gone: NDArray[np.int64] = np.setdiff1d(self._every_row(), np.array(stored, dtype=np.int64))
        return gone

    def _rows_beside_deleted(self) -> NDArray[np.int64]:
        """Return the rows in segments with deleted documents.

        Returns all rows if the folder's segments and those of the search differ.
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

    def _rewrite(self, rows: NDArray[np.int64]) -> None:
        """Delete these rows in one commit, and add the rows that the store still has again."""
        if not len(rows):
            return
        writer = self._writer()
        with self._store.reading() as connection:
            for start in range(0, len(rows), _ROWS_AT_ONCE):
                batch = json.dumps(rows[start : start + _ROWS_AT_ONCE].tolist())
                for row in json.loads(batch):
                    self._delete(writer, row)
                for stored in connection.execute(_NEW_OF, (batch,)):
                    writer.add_document(_document(stored))
        writer.commit()
        writer.wait_merging_threads()

    def matches(
        self,
        request: ParsedQuery,
        most: int | None = None,
        snapshot: tantivy.Searcher | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return (rows, scores) of every match, or of the `most` best; highest score first.

        The score is the sum of BM25 of title and text (most fields).
        """
        return self._found(self._query(request), most, snapshot)

    def matching(self, request: ParsedQuery, snapshot: tantivy.Searcher) -> NDArray[np.int64]:
        """Return the rows of every match, unordered; no score is computed."""
        return self._rows(self._query(request), snapshot)

    def having(self, phrase: Phrase, snapshot: tantivy.Searcher) -> NDArray[np.int64]:
        """Return the rows with a phrase in title or text, unordered.

        All rows for an empty phrase.
        """
        return self._rows(self._phrase(phrase) if phrase else Query.all_query(), snapshot)

    def _query(self, request: ParsedQuery) -> Query:
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
        """Return rows whose title has these whole words and a word with this beginning."""
        clauses = [
            (Occur.Must, Query.term_query(self._schema, "words", word)) for word in set(whole)
        ]
        started = Query.regex_query(self._schema, "words", f"{re.escape(beginning)}.*")
        return self._rows(Query.boolean_query([*clauses, (Occur.Must, started)]))

    def contributed(self, byline: Byline, snapshot: tantivy.Searcher) -> NDArray[np.int64]:
        """Return rows with a contribution by one of the accounts or under the name."""
        queries = [
            Query.term_query(self._schema, "accounts", account_key(account))
            for account in byline.accounts
        ]
        words: list[str | tuple[int, str]] = [*name_words(byline.words)]
        if len(words) == 1:
            queries.append(Query.term_query(self._schema, "names", words[0]))
        elif words:
            queries.append(Query.phrase_query(self._schema, "names", words, slop=NAME_SLOP))
        any_of = Query.boolean_query([(Occur.Should, query) for query in queries])
        return self._rows(any_of, snapshot)

    def signed(self, account_key: str) -> NDArray[np.int64]:
        """Return rows with a contribution by the account of this key."""
        return self._rows(Query.term_query(self._schema, "accounts", account_key))

    def _one_of(self, group: Sequence[Phrase]) -> Query:
        return Query.boolean_query([(Occur.Should, self._phrase(phrase)) for phrase in group])

    def _otherwise(self, group: Sequence[WeightedPhrase]) -> Query:
        """Return a query that scores by the best phrase of a group: many synonyms count as one."""
        return Query.disjunction_max_query(
            [
                Query.boost_query(self._phrase(expansion.phrase), expansion.weight)
                for expansion in group
            ]
        )

    def near(self, word: str, slips: int) -> NDArray[np.int64]:
        """Return rows whose title or text may have a word within `slips` edits of a folded one."""
        return self._rows(
            Query.boolean_query(
                [
                    (Occur.Should, Query.fuzzy_term_query(self._schema, field, written, slips))
                    for field, written in (("words", word), ("text", EXACT + word))
                ]
            )
        )

    def _lifts(self, request: ParsedQuery) -> Iterator[Query]:
        """Yield queries that only add to the score of a match."""
        for word in request.exact:
            yield Query.boost_query(self._phrase(((0, word),)), EXACT_WEIGHT)
        for pair in request.pairs:
            yield Query.boost_query(self._phrase(pair), PAIR_WEIGHT)

    def _phrase(self, phrase: Phrase) -> Query:
        """Return a query for the phrase in title or text; its score is the sum of both."""
        if len(phrase) == 1:
            queries = [Query.term_query(self._schema, field, phrase[0][1]) for field in _FIELDS]
        else:
            queries = [Query.phrase_query(self._schema, field, list(phrase)) for field in _FIELDS]
        return Query.boolean_query([(Occur.Should, query) for query in queries])

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
        """Return the matching rows.

        If hits are ordered by row, each hit contains its row. Ordered by score, each hit would need
        a look-up.
        """
        with text_faults():
            searcher = snapshot or self.snapshot()
            limit = max(searcher.num_docs, 1)
            hits = searcher.search(query, limit, count=False, order_by_field="row").hits
        return np.fromiter((row for row, _ in hits), dtype=np.int64, count=len(hits))

    def snapshot(self) -> tantivy.Searcher:
        """Return a searcher of everything that is committed.

        Until the next commit, the same object is returned.
        """
        return self.snapshot_at()[1]

    def snapshot_at(self) -> tuple[int, tantivy.Searcher]:
        """Return (number of the last change certainly committed, `snapshot()`)."""
        _, applied = self._store.progress()
        with self._reading:
            if applied != self._seen:
                self._index.reload()
                self._seen, self._snapshot = applied, self._index.searcher()
            return self._seen, self._snapshot

    def _opened(self) -> tantivy.Index:
        """Open the folder; recreate a missing or broken one, to be replayed from the start."""
        if (sound := self._sound()) is not None:
            return sound
        if self._store.read_only:
            raise IndexUnreachable(_INCOMPLETE)
        with self._lock(LOCK_TIMEOUT_S) as held:
            if not held:
                raise IndexUnreachable(_HELD)
            if (sound := self._sound()) is not None:  # another process created it meanwhile
                return sound
            shutil.rmtree(self._path, ignore_errors=True)
            self._path.mkdir(parents=True)
            self._store.mark_applied(0)
            with text_faults():
                return tantivy.Index(self._schema, path=str(self._path))

    def verify(self) -> None:
        """Compare each file of a segment with its checksum. Raises `IndexDamaged`.

        At the end of a file is a line of JSON with the CRC-32 of the content before it, then the
        length of that line and a mark, four bytes each (tantivy's `directory/footer.rs`).
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
        """Return the text index in the folder, or None if there is no readable text index."""
        # If it is broken or has another schema, it is rebuilt from the store.
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
        """Apply the store's changes; applying them twice is harmless."""
        gone = "SELECT document FROM removed WHERE seq > ?"
        for (row,) in connection.execute(gone, (applied,)):
            self._delete(writer, row)
        # Rows left by a crash before `mark_applied`.
        newer = (self._schema, "row", tantivy.FieldType.Unsigned, applied + 1, _LAST_ROW)
        writer.delete_documents_by_query(Query.range_query(*newer))
        for stored in connection.execute(_NEW_AFTER, (applied,)):
            writer.add_document(_document(stored))

    def _delete(self, writer: tantivy.IndexWriter, row: int) -> None:
        # Not `delete_documents_by_term`: it treats the number as signed, and finds nothing.
        writer.delete_documents_by_query(Query.term_query(self._schema, "row", row))

    @contextmanager
    def _lock(self, timeout_s: float) -> Iterator[bool]:
        """Try to take the writers' lock for `timeout_s` seconds; yield whether it is held."""
        with self._lock_path.open("ab") as file:
            deadline = time.monotonic() + timeout_s
            while not (held := _locked(file.fileno())) and time.monotonic() < deadline:
                time.sleep(0.005)
            yield held


def _document(record: tuple[int, str, str, str, str]) -> tantivy.Document:
    """Convert a row of the store, as `_NEW` reads it, to a tantivy document."""
    row, title, words, body, card = record
    document = tantivy.Document()
    document.add_unsigned("row", row)
    document.add_pre_tokenized_text("title", _tokens(title))
    document.add_pre_tokenized_text("text", _tokens(body))
    document.add_text("words", words)
    read = card_of(card)
    questions = "\n".join(encoded(analyse(question)) for question in read.questions)
    document.add_pre_tokenized_text("questions", _tokens(questions))
    contributions = read.contributions
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
    """Return the terms with their positions; a stop word leaves its position empty."""
    tokens, begin = [], 0
    for line in lines.split("\n"):
        tokens += [Token(term, begin + at, 0, 0) for at, term in decoded(line)]
        begin += line.count(" ") + 1 + PASSAGE_GAP
    return PreTokenizedString("", tokens)
