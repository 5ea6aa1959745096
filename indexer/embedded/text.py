"""The text side: tantivy, fed with terms of our own analysis and replayed from the store."""

import fcntl
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tantivy
from numpy.typing import NDArray
from tantivy import Occur, PreTokenizedString, Query, Token

from indexer.asking import EXACT_WEIGHT, PAIR_WEIGHT, Asked, Phrase, Weighed
from indexer.bylines import NAME_SLOP, account_key, account_keys, name_lines, name_words
from indexer.cards import card_of
from indexer.embedded.faults import text_faults
from indexer.embedded.store import Store
from indexer.errors import IndexUnreachable
from indexer.french import EXACT, decoded
from indexer.narrowing import Byline

WRITER_HEAP_BYTES = 32_000_000
LOCK_TIMEOUT_S = 60.0
PASSAGE_GAP = 100
"""Positions between two passages: no phrase reaches across."""

_FIELDS = ("title", "text")
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

    def matches(
        self, request: Asked, most: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(rows, scores) of every match, or of the `most` best; highest score first.

        A score is BM25 of title and text added (most fields).
        """
        return self._found(self._query(request), most)

    def matching(self, request: Asked) -> NDArray[np.int64]:
        """The rows of every match, in no order: no score is computed."""
        return self._rows(self._query(request))

    def having(self, phrase: Phrase, snapshot: tantivy.Searcher) -> NDArray[np.int64]:
        """The rows with a phrase in their title or text, in no order; all for an empty one."""
        return self._rows(self._phrase(phrase) if phrase else Query.all_query(), snapshot)

    def _query(self, request: Asked) -> Query:
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

    def contributed(self, byline: Byline) -> NDArray[np.int64]:
        """Rows to which somebody contributed by one of the accounts or under the name."""
        found = [
            Query.term_query(self._schema, "accounts", account_key(one)) for one in byline.accounts
        ]
        words: list[str | tuple[int, str]] = [*name_words(byline.words)]
        if len(words) == 1:
            found.append(Query.term_query(self._schema, "names", words[0]))
        elif words:
            found.append(Query.phrase_query(self._schema, "names", words, slop=NAME_SLOP))
        return self._rows(Query.boolean_query([(Occur.Should, query) for query in found]))

    def signed(self, account_key: str) -> NDArray[np.int64]:
        """Rows to which somebody contributed by the account of that key."""
        return self._rows(Query.term_query(self._schema, "accounts", account_key))

    def _one_of(self, group: Sequence[Phrase]) -> Query:
        return Query.boolean_query([(Occur.Should, self._phrase(phrase)) for phrase in group])

    def _otherwise(self, group: Sequence[Weighed]) -> Query:
        """By the best of the group, so that many synonyms weigh no more than one."""
        return Query.disjunction_max_query(
            [Query.boost_query(self._phrase(one.phrase), one.weight) for one in group]
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

    def _lifts(self, request: Asked) -> Iterator[Query]:
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
        self, query: Query, most: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        with text_faults():
            searcher = self.snapshot()
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
        """What is committed by now, by whatever process: the same object until more is."""
        _, applied = self._store.progress()
        with self._reading:
            if applied != self._seen:
                self._index.reload()
                self._seen, self._snapshot = applied, self._index.searcher()
            return self._snapshot

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

    def _sound(self) -> tantivy.Index | None:
        """Return the text index as it lies there; None where there is none that can be read."""
        try:
            if self._path.exists() and tantivy.Index.exists(str(self._path)):
                return tantivy.Index(self._schema, path=str(self._path))
        except ValueError:
            pass  # broken or of another schema: the store holds all that it held
        return None

    def _replay(self) -> None:
        seq, applied = self._store.progress()
        if applied >= seq:
            return
        with text_faults():
            writer = self._index.writer(heap_size=WRITER_HEAP_BYTES, num_threads=1)
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
            writer.delete_documents_by_term("row", row)
        new = (
            "SELECT seq, title_terms, title_words, body_terms, card FROM documents"
            " JOIN contents USING (seq) WHERE seq > ? ORDER BY seq"
        )
        for row, title, words, body, card in connection.execute(new, (applied,)):
            writer.delete_documents_by_term("row", row)  # left by a crash before `mark_applied`
            document = tantivy.Document()
            document.add_unsigned("row", row)
            document.add_pre_tokenized_text("title", _tokens(title))
            document.add_pre_tokenized_text("text", _tokens(body))
            document.add_text("words", words)
            contributions = card_of(card).contributions
            document.add_text("accounts", " ".join(account_keys(contributions)))
            names = "\n".join(name_lines(contributions))
            document.add_pre_tokenized_text("names", _tokens(names))
            writer.add_document(document)

    @contextmanager
    def _lock(self, timeout_s: float) -> Iterator[bool]:
        """Hold the writers' lock, or say that it is not free in time."""
        with self._lock_path.open("ab") as file:
            deadline = time.monotonic() + timeout_s
            while not (held := _locked(file.fileno())) and time.monotonic() < deadline:
                time.sleep(0.005)
            yield held


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
