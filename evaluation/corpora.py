"""Read judged sets: documents, questions and judgments, in the BEIR file layout."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from connectors.values import Contribution, ContributorRole

Judgments = Mapping[str, Mapping[str, int]]
"""query id → document or candidate id → grade (0: judged and not relevant)."""

T = TypeVar("T")


class MalformedSet(ValueError):
    """A file of the set is missing or not as expected; the text says where, in French."""


@dataclass(frozen=True, slots=True)
class JudgedText:
    """A document of a set; `authors` are candidates' ids.

    `contributions` include roles if the set has them; their accounts are candidates' ids.
    """

    id: str
    title: str
    text: str
    authors: tuple[str, ...] = ()
    contributions: tuple[Contribution, ...] = ()
    questions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A question. `doc` is the document that it was made from, which is not used as evidence.

    Questions of one `group` share their judgments: they are one experiment.
    """

    id: str
    text: str
    doc: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class JudgedCandidate:
    """A candidate of an expert set."""

    id: str
    name: str
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class SearchSet:
    """Documents and judged questions about them."""

    name: str
    documents: tuple[JudgedText, ...]
    queries: tuple[JudgedQuery, ...]
    judgments: Judgments


@dataclass(frozen=True, slots=True)
class ExpertSet:
    """Documents, candidates, and questions whose judgments name candidates."""

    name: str
    documents: tuple[JudgedText, ...]
    queries: tuple[JudgedQuery, ...]
    judgments: Judgments
    candidates: tuple[JudgedCandidate, ...]

    @property
    def ranked(self) -> frozenset[str]:
        """Ids of the candidates to rank: the labelled ones, or all if none is labelled."""
        labelled = frozenset(c.id for c in self.candidates if c.labelled)
        return labelled or frozenset(c.id for c in self.candidates)


def load_search_set(directory: Path, limit: int = 0) -> SearchSet:
    """Read `corpus.jsonl`, `queries.jsonl` and `qrels.tsv`. Raises `MalformedSet`.

    `limit` is the number of questions to keep, spread evenly over the file; 0 keeps all.
    """
    asked = expected_questions(directory)
    documents = tuple(
        replace(one, questions=asked.get(one.id, ())) for one in _texts(directory / CORPUS)
    )
    judgments = _judgments(directory / "qrels.tsv", {document.id for document in documents})
    queries = _queries(directory / "queries.jsonl", judgments)
    return SearchSet(directory.resolve().name, documents, spread(queries, limit), judgments)


CORPUS = "corpus.jsonl"


def expected_questions(directory: Path) -> Mapping[str, tuple[str, ...]]:
    """Read `expected_questions.jsonl`, which gives questions that each document answers, by its id.

    Empty without that file. Raises `MalformedSet`.
    """
    path = directory / "expected_questions.jsonl"
    if not path.exists():
        return {}
    return {
        _text(row, "id", at): tuple(map(str, row.get("questions") or ()))
        for at, row in _lines(path)
    }


def load_own_questions(directory: Path, limit: int = 0) -> SearchSet:
    """Read judged questions about the documents of an index, without a copy of these.

    Like `load_search_set` without `corpus.jsonl`: judgments use the ids in that index.
    """
    judgments = _judgments(directory / "qrels.tsv", None)
    queries = _queries(directory / "queries.jsonl", judgments)
    return SearchSet(directory.resolve().name, (), spread(queries, limit), judgments)


def load_expert_set(
    directory: Path,
    queries_file: str = "",
    judgments_file: str = "",
    limit: int = 0,
    candidates_file: str = "",
) -> ExpertSet:
    """Read `documents.jsonl`, `candidates.jsonl`, and questions and judgments.

    Other files for the last three are named relative to the directory. Raises `MalformedSet`.
    """
    documents = _texts(directory / "documents.jsonl")
    listed = directory / (candidates_file or "candidates.jsonl")
    rows = _lines(listed)
    candidates = tuple(
        JudgedCandidate(
            _required_field(row, "_id", at), _text(row, "name", at), bool(row.get("labelled"))
        )
        for at, row in rows
    )
    _unique(listed, [candidate.id for candidate in candidates])
    known = {candidate.id for candidate in candidates}
    judgments = _judgments(directory / (judgments_file or "qrels.tsv"), known)
    queries = _queries(directory / (queries_file or "queries.jsonl"), judgments)
    kept = spread(queries, limit)
    return ExpertSet(directory.resolve().name, documents, kept, judgments, candidates)


def load_foreign(path: Path, limit: int = 0) -> tuple[JudgedQuery, ...]:
    """Return the questions of another set, without judgments: this set cannot answer them.

    `limit` is that of `load_search_set`. Raises `MalformedSet`.
    """
    rows = tuple(_lines(path))
    if not rows:
        raise MalformedSet(f"{path} : aucune question.")
    group = path.resolve().parent.name
    return tuple(
        JudgedQuery(
            _required_field(row, "_id", at),
            _text(row, "text", at),
            str(row.get("doc") or ""),
            group,
        )
        for at, row in spread(rows, limit)
    )


UNANSWERED = "nobody.jsonl"


def load_unanswered(directory: Path, limit: int = 0) -> tuple[JudgedQuery, ...]:
    """Return a set's questions that really stayed unanswered; empty without such a file.

    `limit` is that of `load_search_set`. Raises `MalformedSet`.
    """
    path = directory / UNANSWERED
    return load_foreign(path, limit) if path.exists() else ()


def spread(rows: Sequence[T], limit: int) -> tuple[T, ...]:
    """Return at most `limit` rows, evenly spread and always the same; all if it is 0."""
    if not 0 < limit < len(rows):
        return tuple(rows)
    return tuple(rows[number * len(rows) // limit] for number in range(limit))


def with_fewer_documents(judged: SearchSet, count: int) -> SearchSet:
    """Return the set with its judged documents and some others, spread evenly.

    `count` is the total, unless more are judged; 0 keeps all.
    """
    if not 0 < count < len(judged.documents):
        return judged
    named = {one for query in judged.queries for one in judged.judgments[query.id]}
    others = tuple(one for one in judged.documents if one.id not in named)
    room = max(0, count - len(named))
    kept = named | {one.id for one in (spread(others, room) if room else ())}
    documents = tuple(one for one in judged.documents if one.id in kept)
    return replace(judged, documents=documents)


def _texts(path: Path) -> tuple[JudgedText, ...]:
    documents = tuple(
        JudgedText(
            id=_required_field(row, "_id", at),
            title=_text(row, "title", at),
            text=_text(row, "text", at),
            authors=tuple(map(str, row.get("authors") or ())),
            contributions=tuple(_contribution(each, at) for each in row.get("contributions") or ()),
        )
        for at, row in _lines(path)
    )
    _unique(path, [document.id for document in documents])
    return documents


def _contribution(row: Mapping[str, Any], at: str) -> Contribution:
    """Return the contribution, without dates: a question may be older than the last documents."""
    name = _text(row, "role", at)
    if name not in list(ContributorRole):
        raise MalformedSet(f"{at} : « {name} » n'est pas un rôle.")
    role = ContributorRole(name)
    volume = row.get("volume")
    return Contribution(
        _text(row, "account", at),
        role,
        thanks=int(row.get("thanks") or 0),
        volume=None if volume is None else int(volume),
    )


def _queries(path: Path, judgments: Judgments) -> tuple[JudgedQuery, ...]:
    """Return the questions that have a judgment, each with its group."""
    queries = [
        JudgedQuery(
            id=(name := _required_field(row, "_id", at)),
            text=_text(row, "text", at),
            doc=str(row.get("doc") or ""),
            group=str(row.get("topic") or sorted(judgments.get(name, {}).items())),
        )
        for at, row in _lines(path)
    ]
    _unique(path, [query.id for query in queries])
    judged = tuple(query for query in queries if query.id in judgments)
    if not judged:
        raise MalformedSet(f"{path} : aucune question n'a de jugement.")
    return judged


def _judgments(path: Path, known: set[str] | None) -> Judgments:
    """Read the judgments. `known` are the ids that may be judged; None allows any."""
    judgments: dict[str, dict[str, int]] = defaultdict(dict)
    lines = _read(path).splitlines()
    for number, line in enumerate(lines[1:], 2):
        columns = line.split("\t")
        if len(columns) != 3 or not columns[2].strip().lstrip("-").isdigit():
            raise MalformedSet(
                f"{path}:{number} : trois colonnes attendues (question, document, note entière)."
            )
        if known is not None and columns[1] not in known:
            raise MalformedSet(f"{path}:{number} : « {columns[1]} » n'existe pas dans ce jeu.")
        judgments[columns[0]][columns[1]] = int(columns[2])
    if not judgments:
        raise MalformedSet(f"{path} : aucun jugement (la première ligne est un en-tête).")
    return dict(judgments)


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the place and object of each line of JSON."""
    for number, line in enumerate(_read(path).split("\n"), 1):
        if not line.strip():
            continue
        at = f"{path}:{number}"
        try:
            row = json.loads(line)
        except ValueError:
            raise MalformedSet(f"{at} : cette ligne n'est pas du JSON.") from None
        if not isinstance(row, dict):
            raise MalformedSet(f"{at} : un objet JSON est attendu.")
        yield at, row


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MalformedSet(f"{path} manque : ce dossier n'est pas un jeu d'évaluation.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise MalformedSet(f"{path} est illisible ({type(error).__name__}).") from None


def _required_field(row: Mapping[str, Any], name: str, at: str) -> str:
    """Return an id, which may not have spaces: they separate the columns of run files."""
    value = _text(row, name, at)
    if not value or value != "".join(value.split()):
        raise MalformedSet(f"{at} : « {name} » est vide ou contient une espace.")
    return value


def _text(row: Mapping[str, Any], name: str, at: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise MalformedSet(f"{at} : « {name} » manque ou n'est pas un texte.")
    return value


def _unique(path: Path, names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise MalformedSet(f"{path} : « {twice} » y figure deux fois.")
