"""Put expected questions into the index, and read and write them as files.

A change takes effect without another reading of the source: only the questions are encoded.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from threading import Event
from typing import Any

from connectors.batches import batches
from indexer.cards import with_question_vectors
from indexer.crawl.batches import with_questions
from indexer.values import WITHHELD, IndexedDocument, IndexEntry, Put
from quisait.application.assembly import Application, index_with_deletion_log
from quisait.application.locks import SourceBusy, SourceLock, hold_source_lock
from quisait.clock import today
from search_api.addresses import document_of_address
from search_api.context import InvalidParameter
from search_api.expected.service import checked_question
from search_api.expected.storage import ExpectedQuestion, QuestionOrigin, question_key

_AT_ONCE = 50
"""Number of documents that are read from the index and written at once."""
MOST_OF_DOCUMENT = 100
"""Maximum number of questions that a document may have after an import."""
_NAMED = 20
"""Maximum number of bad lines that an error names."""
_DOCUMENT_FIELDS = ("document", "id", "address", "url")
_PINNED = {"": False, "false": False, "non": False, "true": True, "oui": True}
_ORIGINS = frozenset(QuestionOrigin) - {QuestionOrigin.SOURCE}


def apply_expected_questions(application: Application, stop: Event) -> int:
    """Put changed questions into the index; return the number of changed documents.

    A source that is being read, and documents that are withheld or not indexed, wait. Questions of
    a program are deleted once their text has changed. Raises the errors of the index and of the
    encoder.
    """
    changed = 0
    for source, ids in groupby(application.expected.pending(), _source_of):
        waiting = list(ids)
        with suppress(SourceBusy), hold_source_lock(application.locks, source) as held:
            for some in batches(waiting, _AT_ONCE):
                if stop.is_set():
                    return changed
                changed += _apply(application, held, some)
    return changed


def _source_of(document_id: str) -> str:
    return document_id.partition(":")[0]


def _apply(application: Application, held: SourceLock, document_ids: Sequence[str]) -> int:
    """Apply the changes of these documents of one source; return how many were written."""
    store, index = application.expected, index_with_deletion_log(application)
    entries = _readable(index.kept(document_ids))
    rows = store.of_documents(entries)
    documents = [
        _with_questions(document, rows[document.document.id])
        for document in application.whole_index.documents(sorted(rows))
    ]
    changed = [one for one in documents if one.record_hash != entries[one.document.id].record_hash]
    writes = [Put(one) for one in with_question_vectors(application.encoder, changed)]
    held.check()
    # A document that another process removed or changed meanwhile waits for the next round.
    now = index.kept(list(entries))
    writes = [write for write in writes if now.get(write.document_id) == entries[write.document_id]]
    failed = {id_ for id_, _ in index.write(writes).failed} if writes else set()
    done = {write.document_id for write in writes} - failed
    done |= {one.document.id for one in documents} - {one.document.id for one in changed}
    for document_id in sorted(done):
        text = entries[document_id].content_hash
        gone = [row for row in rows[document_id] if row.is_gone(text)]
        store.note_applied([row for row in rows[document_id] if row not in gone], gone)
    return len(writes) - len(failed)


def _readable(entries: Mapping[str, IndexEntry]) -> dict[str, IndexEntry]:
    return {id_: entry for id_, entry in entries.items() if entry.access != WITHHELD}


def _with_questions(indexed: IndexedDocument, rows: Sequence[ExpectedQuestion]) -> IndexedDocument:
    """Return the document with the stored questions after those that its source gives."""
    stored = {row.key for row in rows}
    given = (one for one in indexed.document.questions if question_key(one) not in stored)
    own = (row.question for row in rows if row.is_answered_by(indexed.content_hash))
    questions = (*given, *own)
    return replace(
        indexed,
        document=replace(indexed.document, questions=questions),
        record_hash=with_questions(indexed.record_hash, questions),
    )


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Numbers of questions that a file added, and that their documents had already.

    `left`: in French, the lines of best bets that cannot become pinned questions.
    """

    added: int
    known: int
    left: tuple[str, ...] = ()


class _BadLine(ValueError):
    """A line of an imported file cannot be used. The text says why, in French."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a file: a document, by id or address, and questions of one origin."""

    number: int
    document: str
    questions: tuple[str, ...]
    origin: QuestionOrigin
    pinned: bool


def import_questions(
    application: Application, written: str, *, best_bets: bool = False
) -> ImportReport:
    """Add the questions of a file, CSV with a header or JSON Lines; all of them or none.

    With `best_bets`, the file is one of best bets, as earlier versions read it: its questions are
    pinned, and lines without an indexed document are left out. Raises `ValueError`, which names
    each bad line by its number.
    """
    lines, bad = _lines(_best_bets(written) if best_bets else _rows(written))
    found = _documents_of(application, {line.document for line in lines})
    entries = application.whole_index.kept(sorted({id_ for ids in found.values() for id_ in ids}))
    questions: list[ExpectedQuestion] = []
    for line in lines:
        ids = found[line.document]
        if len(ids) != 1:
            why = "plusieurs documents ont cette adresse" if ids else "document inconnu"
            bad.append((line.number, f"{why} : {line.document}"))
            continue
        (id_,) = ids
        text = entries[id_].content_hash
        questions += (
            ExpectedQuestion(id_, one, line.origin, today(), text, pinned=line.pinned)
            for one in line.questions
        )
    stored = application.expected.of_documents({one.document_id for one in questions})
    known = {(row.document_id, row.key) for rows in stored.values() for row in rows}
    removed = {
        (row.document_id, row.key) for rows in stored.values() for row in rows if row.removed
    }
    keys = known - removed | {(one.document_id, one.key) for one in questions}
    bad += (
        (0, f"{id_} aurait {count} questions, au lieu de {MOST_OF_DOCUMENT} au plus")
        for id_, count in Counter(id_ for id_, _ in keys).items()
        if count > MOST_OF_DOCUMENT
    )
    left = tuple(f"ligne {number} : {why}" for number, why in sorted(bad)) if best_bets else ()
    if bad and not left:
        raise ValueError(_refusal(bad))
    added = application.expected.add(questions)
    return ImportReport(added, len(questions) - added, left)


def _refusal(bad: Sequence[tuple[int, str]]) -> str:
    rows = [f"ligne {number} : {why}" if number else why for number, why in sorted(bad)]
    more = [f"et {len(rows) - _NAMED} autres"] if len(rows) > _NAMED else []
    return "\n".join(["Rien n'a été écrit. Corrigez :", *rows[:_NAMED], *more])


def _lines(rows: Iterable[tuple[int, Any]]) -> tuple[list[_Line], list[tuple[int, str]]]:
    """Return the usable lines of a file, and the (number, reason) of the others."""
    lines, bad = [], list[tuple[int, str]]()
    for number, row in rows:
        try:
            lines.append(_line(number, row))
        except (_BadLine, InvalidParameter) as error:
            bad.append((number, str(error)))
    if not lines and not bad:
        bad.append((0, "ce fichier n'a aucune question"))
    return lines, bad


def _best_bets(written: str) -> Iterator[tuple[int, Any]]:
    """Yield each line of best bets: questions separated by `|`, then a document or an address."""
    for number, line in enumerate(written.removeprefix("\ufeff").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            cells = next(csv.reader([line.strip()], delimiter=";", strict=True))
        except csv.Error:
            cells = []
        asked, document = ([cell.strip() for cell in cells] + ["", ""])[:2]
        questions = [question.strip() for question in asked.split("|")]
        yield number, {"document": document, "questions": questions, "pinned": True}


def _rows(written: str) -> Iterator[tuple[int, Any]]:
    """Yield the number of each line, from 1, and its fields by name, or None if it is malformed."""
    text = written.removeprefix("\ufeff")
    if text.lstrip().startswith("{"):
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                try:
                    yield number, json.loads(line)
                except ValueError:
                    yield number, None
        return
    header = text.partition("\n")[0]
    delimiter = next((sign for sign in ";\t" if sign in header), ",")
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            names = {str(name).strip().lower(): value for name, value in row.items()}
            yield reader.line_num, None if None in row or None in row.values() else names
    except csv.Error:
        yield reader.line_num, None


def _line(number: int, row: Any) -> _Line:
    """Return a checked line. Raises `_BadLine` or `InvalidParameter`."""
    if not isinstance(row, dict):
        raise _BadLine("ce n'est pas une ligne de CSV ou de JSON avec tous ses champs")
    values = (row.get(name) for name in _DOCUMENT_FIELDS)
    document = next((one for one in values if isinstance(one, str) and one.strip()), None)
    if document is None:
        raise _BadLine("aucun document (champ « document » ou « url »)")
    asked = row.get("questions") if "questions" in row else [row.get("question")]
    if not isinstance(asked, list) or not asked or not all(isinstance(one, str) for one in asked):
        raise _BadLine("aucune question (champ « question », ou liste « questions »)")
    origin = row.get("origin") or QuestionOrigin.IMPORT
    if origin not in _ORIGINS:
        raise _BadLine(f"origine inconnue ; écrivez {', '.join(sorted(_ORIGINS))}")
    questions = tuple(map(checked_question, asked))
    pinned = _PINNED.get(str(row.get("pinned") or "").strip().lower())
    if pinned is None:
        raise _BadLine("« pinned » attend oui ou non")
    return _Line(number, document.strip(), questions, QuestionOrigin(origin), pinned)


def _documents_of(application: Application, names: Collection[str]) -> dict[str, frozenset[str]]:
    """Return the ids of the indexed documents with each id, address here or URL at their source.

    If a name is not an id, all documents are read.
    """
    index, ids = application.whole_index, {name: document_of_address(name) for name in names}
    known = {
        id_ for some in batches(sorted({*names, *ids.values()}), 500) for id_ in index.kept(some)
    }
    found = {name: frozenset({name, id_} & known) for name, id_ in ids.items()}
    addresses = {name for name, own in found.items() if not own}
    if addresses:
        for source in sorted(index.sources()):
            for entries in batches(index.scan(source), _AT_ONCE):
                for one in index.documents([entry.document_id for entry in entries]):
                    if (url := one.document.url) in addresses:
                        found[url] |= {one.document.id}
    return found


def export_questions(application: Application) -> Iterator[str]:
    """Yield a line of JSON for each question, in a form that `import_questions` reads."""
    for one in application.expected.every():
        row = {"document": one.document_id, **asdict(one)}
        shown = {name: row[name] for name in ("document", "question", "origin", "day", "pinned")}
        yield json.dumps(shown, ensure_ascii=False, default=str)
