"""An embedded index of a former format: read by what no format does without, never written to.

A reindex copies from it. What of it cannot be understood is refused, not guessed: a right
that is guessed may be a right that is loosened.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from connectors.values import Contribution, ContributorRole, EvidencePolicy
from indexer.access import AccessFilter
from indexer.cards import document_of
from indexer.embedded.rows import access_of
from indexer.embedded.store import BUSY_TIMEOUT_S, engine_faults
from indexer.errors import IndexRefused
from indexer.suggestions import NearWord
from indexer.values import (
    Card,
    IndexedDocument,
    IndexEntry,
    Passage,
    SearchAnswer,
    SearchRequest,
    ShownDocument,
    ShowRequest,
    Suggestion,
    Write,
    WriteReport,
)

_ROWS = (
    "SELECT d.id AS id, d.source AS source, d.card AS card, d.content_hash AS content_hash,"
    " d.record_hash AS record_hash, a.key AS access, c.passages AS passages,"
    " c.vectors AS vectors FROM documents d"
    " JOIN access a ON a.id = d.access JOIN contents c ON c.seq = d.seq"
)
_NAMED = _ROWS + " WHERE d.id IN (SELECT value FROM json_each(?))"  # noqa: S608 — constants
_OF_SOURCE = _ROWS + " WHERE d.source = ? AND d.id > ? ORDER BY d.id LIMIT 200"


class FormerIndex:
    """Adapter of `Index` for what a reindex asks of the index that it copies.

    Every method raises `IndexRefused` where the format is not understood.
    """

    def __init__(self, folder: Path, dimension: int) -> None:
        self._path, self._dimension = folder / "index.sqlite", dimension

    def sources(self) -> frozenset[str]:
        """The sources of which documents are kept."""
        return frozenset(
            row["source"] for row in self._all("SELECT DISTINCT source FROM documents")
        )

    def count(self, source: str) -> int:
        """How many documents of a source are kept."""
        asked = "SELECT count(*) AS counted FROM documents WHERE source = ?"
        return int(self._all(asked, source)[0]["counted"])

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """Every kept document of a source, by id."""
        last = ""
        while rows := self._all(_OF_SOURCE, source, last):
            with _understood():
                kept = [_kept(row) for row in rows]
            yield from kept
            last = rows[-1]["id"]

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """What is kept of these documents, those left out that are not."""
        with _understood():
            return {row["id"]: _kept(row) for row in self._named(document_ids)}

    def documents(self, document_ids: Collection[str]) -> Iterator[IndexedDocument]:
        """These documents whole, as they are kept now."""
        with _understood():
            found = [_whole(row, self._dimension) for row in self._named(document_ids)]
        return iter(found)

    def denials(self, source: str) -> Mapping[str, int]:
        """How many documents of a source deny each principal that some of them denies."""
        return Counter(one for kept in self.scan(source) for one in kept.access.denied)

    def signing(self, accounts: Collection[str]) -> frozenset[str]:
        """Never."""
        _not_asked()

    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        """The cards of those that the reader may read: rights are compared by them."""
        names = (*request.document_ids, *request.by_card)
        with _understood():
            shown = {
                row["id"]: ShownDocument(_card(row["card"]), (), ())
                for row in self._named(names)
                if _admitted(request.access, row)
            }
        return tuple(shown[name] for name in names if name in shown)

    def search(self, request: SearchRequest) -> SearchAnswer:
        """How many documents the reader may read, where nothing is asked for."""
        if request.question.text or request.vector is not None or request.filters:
            _not_asked()
        asked = "SELECT d.source AS source, a.key AS access FROM documents d JOIN access a"
        rows = self._all(f"{asked} ON a.id = d.access")
        with _understood():
            total = sum(_admitted(request.access, row) for row in rows)
        return SearchAnswer((), (), total, {}, {})

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """Never."""
        _not_asked()

    def suggest(self, access: AccessFilter, prefix: str, limit: int) -> tuple[Suggestion, ...]:
        """Never."""
        _not_asked()

    def near_words(
        self, access: AccessFilter, words: Sequence[str]
    ) -> Mapping[str, tuple[NearWord, ...]]:
        """Never."""
        _not_asked()

    def _named(self, document_ids: Collection[str]) -> list[sqlite3.Row]:
        return self._all(_NAMED, json.dumps(sorted(document_ids)))

    def _all(self, asked: str, *values: str) -> list[sqlite3.Row]:
        with engine_faults(), _understood():
            # Another version may be writing to it: its files are left as they are.
            address = f"{self._path.absolute().as_uri()}?mode=ro"
            opened = sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S)
            with closing(opened) as connection:
                connection.row_factory = sqlite3.Row
                return connection.execute(asked, values).fetchall()


@contextmanager
def _understood() -> Iterator[None]:
    """Raise `IndexRefused` for what is not as every format has it so far."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "no such" not in str(error):
            raise
        raise _unknown() from error
    except (LookupError, TypeError, ValueError) as error:
        raise _unknown() from error


def _unknown() -> IndexRefused:
    return IndexRefused(
        "Cet index est d'une version que celle-ci ne sait plus lire : réindexez avec une version "
        "entre les deux, ou arrêtez quisait, ôtez le dossier « index » du dossier de travail et "
        "lancez « quisait crawl --full » (tout est relu, avec les droits que disent les sources)."
    )


def _not_asked() -> NoReturn:
    raise IndexRefused("L'index est d'une autre version : lancez « quisait reindex ».")


def _admitted(access: AccessFilter, row: sqlite3.Row) -> bool:
    return access.reaches(row["source"]) and access.admits(access_of(row["access"]))


def _kept(row: sqlite3.Row) -> IndexEntry:
    return IndexEntry(row["id"], row["content_hash"], row["record_hash"], access_of(row["access"]))


def _whole(row: sqlite3.Row, dimension: int) -> IndexedDocument:
    passages = tuple(Passage(*said[: len(fields(Passage))]) for said in json.loads(row["passages"]))
    vectors = np.frombuffer(row["vectors"], dtype="<f4").reshape(len(passages), dimension)
    return IndexedDocument(
        document=document_of(_card(row["card"]), access_of(row["access"])),
        passages=passages,
        vectors=vectors,
        content_hash=row["content_hash"],
        record_hash=row["record_hash"],
    )


def _card(written: str) -> Card:
    """A card by its names: what it has too much is left, what it lacks is empty.

    Without a word on it, nobody's contributions count.
    """
    said: dict[str, Any] = json.loads(written)
    created, modified = said.get("created"), said.get("modified")

    def text(name: str) -> str:
        return str(said.get(name) or "")

    return Card(
        document_id=text("document_id"),
        source=text("source"),
        title=text("title"),
        url=text("url"),
        kind=text("kind"),
        language=text("language"),
        space=text("space"),
        part_of=text("part_of"),
        entity=text("entity"),
        area=text("area"),
        created=datetime.fromisoformat(created) if created else None,
        modified=datetime.fromisoformat(modified) if modified else None,
        valid_from=said.get("valid_from"),
        valid_until=said.get("valid_until"),
        replaces=tuple(said.get("replaces") or ()),
        evidence=said.get("evidence", EvidencePolicy.NONE.value),
        contributions=tuple(map(_contribution, said.get("contributions") or ())),
    )


def _contribution(row: Sequence[Any]) -> Contribution:
    account, role, label, count, first, last, years = row[:7]
    return Contribution(
        account=account,
        role=ContributorRole(role),
        label=label,
        count=count,
        first=first and date.fromisoformat(first),
        last=last and date.fromisoformat(last),
        years=tuple((year, counted) for year, counted in years),
    )
