"""The glossary: expansions of the words in queries, read again when its file changes."""

import csv
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Generic, TypeVar

from indexer.french.analysis import Term, analyse_query
from indexer.values import Expansion

log = logging.getLogger(__name__)

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class LineFault:
    """A line (from 1) that is left out, with the reason in French. Line 0 is the whole file."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ParsedFile(Generic[Content]):
    """The content of a file, and its lines that could not be understood."""

    content: Content
    faults: tuple[LineFault, ...] = ()


class ReloadedFile(Generic[Content]):
    """The present content of a file, or its last content while the file is missing or unreadable.

    Without a path, the content is `at_first`. Logs name the file by its `kind`, since a file's name
    may contain a person's name.
    """

    def __init__(
        self,
        path: Path | None,
        read_lines: Callable[[Sequence[str]], ParsedFile[Content]],
        at_first: Content,
        kind: str = "edited",
    ) -> None:
        self._path, self._read_lines, self._kind = path, read_lines, kind
        self._seen: tuple[int, int] | None = None
        self._read = ParsedFile(at_first)
        self._reading = threading.Lock()

    def now(self) -> Content:
        """Return the content, read again if the file's time or size has changed."""
        with self._reading:
            if self._path and (seen := file_stamp(self._path)) != self._seen:
                self._seen = seen
                self._read_again(self._path)
            return self._read.content

    def _read_again(self, path: Path) -> None:
        try:
            self._read = self._read_lines(lines_of(path))
        except (OSError, ValueError) as error:
            fields = {"kind": self._kind, "error": type(error).__name__}
            log.warning("file not read", extra=fields)
            return
        log.info("file read", extra={"kind": self._kind})
        for fault in self._read.faults:
            log.warning("line left out", extra={"kind": self._kind, "line": fault.line})


def file_stamp(path: Path) -> tuple[int, int] | None:
    """Return a file's modification time (nanoseconds) and size; None if there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def lines_of(path: Path) -> list[str]:
    """Return the lines of a UTF-8 file, with or without a byte order mark.

    Raises `OSError`, or `ValueError` if it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} n'est pas en UTF-8 : enregistrez-le ainsi") from error


ARROW = "=>"
DEFINITION = "|"
"""Sign before the definition, which is the last part of a line."""
MOST_DEFINITION = 500
"""Maximum length of a definition, in characters: two or three sentences."""
MOST_WORDS = 12
"""Maximum number of words of an expression; longer expressions occur in no text."""

MOST_MEMBERS = 20
MOST_OTHERS = 8
"""Maximum number of equivalents that are searched for one expression."""

MOST_EXPANSIONS = 8
"""Number of expressions in a question that are expanded."""

Key = tuple[str, ...]
"""The terms by which an expression is recognised in a question."""

MOST_ASKED = 200
"""Number of first characters of a question that are searched for a request of a definition."""
_ACRONYM = re.compile(r"(?=(?:\w*[A-Z]){2})\w{2,10}")


@dataclass(frozen=True, slots=True)
class Definition:
    """Definition of an expression by one line of the glossary.

    `meaning`: the full form of an acronym; empty for other expressions. `text`: the definition,
    which may be empty. `others`: further equivalents.
    """

    term: str
    meaning: str
    text: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Glossary:
    """Equivalents by key (`others`), and the keys by their first term, longest first.

    `definitions`: the definitions of each line, by key.
    """

    others: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)
    keys: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    defined: Mapping[Key, tuple[Definition, ...]] = field(default_factory=dict)

    def definitions(self, question: str) -> tuple[Definition, ...]:
        """Return the definitions of the expression that a question asks for.

        The result is empty for other questions. Examples: «SATD», «c'est quoi un SATD», «définition
        de SATD».
        """
        key = _key(question[:MOST_ASKED])
        bare = tuple(term for term in key if term not in _asking_terms())
        return self.defined.get(key) or self.defined.get(bare, ())

    @cached_property
    def acronyms(self) -> Mapping[str, str]:
        """The full form of each acronym, by the acronym as written."""
        said: dict[str, list[str]] = {}
        for one in (one for some in self.defined.values() for one in some if one.meaning):
            said.setdefault(one.term, []).append(one.meaning)
        return {term: ", ou ".join(dict.fromkeys(some)) for term, some in said.items()}

    def expansions(self, text: str) -> tuple[Expansion, ...]:
        """Return the expansion of the longest key at each place of a text, each key once."""
        found: list[Expansion] = []
        said: set[Key] = set()
        terms = analyse_query(text, phrase=True) if self.keys else []
        at = 0
        while at < len(terms) and len(found) < MOST_EXPANSIONS:
            key = self._key_at(terms, at)
            if key and key not in said:
                said.add(key)
                words = text[terms[at].start : terms[at + len(key) - 1].end]
                found.append(Expansion(words, self.others[key]))
            at += len(key) or 1
        return tuple(found)

    def _key_at(self, terms: Sequence[Term], at: int) -> Key:
        first = terms[at].term
        for key in self.keys.get(first, ()):
            if tuple(one.term for one in terms[at : at + len(key)]) == key:
                return key
        return ()


class GlossaryFile(ReloadedFile[Glossary]):
    """The glossary in a file, read again when it changes; empty without a file."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(path, read_glossary, Glossary(), "glossary")


def read_glossary(lines: Sequence[str]) -> ParsedFile[Glossary]:
    """Return the glossary, and each invalid line with the reason."""
    others: dict[Key, list[str]] = {}
    defined: dict[Key, list[Definition]] = {}
    faults: list[LineFault] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            written, text = _defined(line)
            asked_by, added = _members(written, least=1 if text else 2)
        except ValueError as error:
            faults.append(LineFault(number, str(error)))
            continue
        for member in asked_by:
            known = others.setdefault(_key(member), [])
            known += [o for o in added if _key(o) != _key(member) and o not in known]
        for one in _definitions(asked_by, text, one_way=ARROW in written):
            defined.setdefault(_key(one.term), []).append(one)
    found = {key: tuple(ways[:MOST_OTHERS]) for key, ways in others.items() if ways}
    keys: dict[str, list[Key]] = {}
    for key in sorted(found, key=lambda one: (-len(one), one)):
        keys.setdefault(key[0], []).append(key)
    glossary = Glossary(
        found,
        {key: tuple(some) for key, some in keys.items()},
        {key: tuple(some) for key, some in defined.items()},
    )
    return ParsedFile(glossary, tuple(faults))


def _defined(line: str) -> tuple[str, str]:
    """Return (the expressions of a line, its definition or empty). Raises `ValueError`."""
    written, bar, text = line.partition(DEFINITION)
    text = " ".join(text.split())
    if bar and not text:
        raise ValueError(f"rien après « {DEFINITION} » : écrivez la définition, ou ôtez-le")
    if len(text) > MOST_DEFINITION:
        raise ValueError(f"une définition de plus de {MOST_DEFINITION} caractères")
    return written, text


def _definitions(members: Sequence[str], text: str, *, one_way: bool) -> Iterator[Definition]:
    """Yield the definitions by a line: of its acronyms and, if it has a text, of each expression.

    An acronym stands for the first other expression, unless the line has an arrow.
    """
    words = [one for one in members if not _ACRONYM.fullmatch(one)]
    for member in members:
        acronym = member not in words and not one_way
        meaning = words[0] if acronym and words else ""
        if meaning or text:
            others = tuple(one for one in members if one not in (member, meaning))
            yield Definition(member, meaning, text, others)


def _members(line: str, least: int = 2) -> tuple[list[str], list[str]]:
    """Return (expressions to expand, expressions that are added).

    Raises `ValueError` with the reason in French.
    """
    sides = line.split(ARROW)
    if len(sides) > 2:
        raise ValueError(f"plus d'une flèche « {ARROW} »")
    parted = [_side(side) for side in sides]
    members = [member for side in parted for member in side]
    if len(members) < least:
        raise ValueError("une seule expression : séparez les équivalents par des points-virgules")
    if len(members) > MOST_MEMBERS:
        raise ValueError(f"plus de {MOST_MEMBERS} expressions")
    if len({_key(member) for member in members}) < len(members):
        raise ValueError("deux fois la même expression, pour la recherche")
    return parted[0], parted[-1]


def _side(side: str) -> list[str]:
    try:
        row = next(iter(csv.reader([side.strip()], delimiter=";", strict=True)), [])
    except csv.Error as error:
        raise ValueError("guillemets mal fermés") from error
    members = [" ".join(member.split()) for member in row]
    while members and not members[-1]:
        members.pop()  # empty cells that a spreadsheet writes after a short row
    if not members or not all(members):
        raise ValueError("une expression vide")
    for member in members:
        if not _key(member):
            raise ValueError("une expression sans mot que l'on cherche")
        if len(_key(member)) > MOST_WORDS:
            raise ValueError(f"une expression de plus de {MOST_WORDS} mots")
    return members


@lru_cache(maxsize=1)
def _asking_terms() -> frozenset[str]:
    """Return the terms of a question that only ask for a definition."""
    words = "ça cela quoi veut dire signifie signification définition définir sigle acronyme"
    return frozenset(_key(words))


def _key(member: str) -> Key:
    return tuple(term.term for term in analyse_query(member, phrase=True))
