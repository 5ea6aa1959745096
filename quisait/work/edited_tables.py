"""Let administrators edit the glossary and the topics on their pages.

One line of a file is one entry. A change replaces, adds or removes one line and keeps every other
byte, comments included. The former file is kept beside it.
"""

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from stat import S_IMODE
from threading import Lock

from connectors.ports import SourceRefused
from expertise.topics import TopicList, topics_of_table
from indexer.french.analysis import fold
from quisait.settings import Settings, beside_file
from quisait.settings.files import account, write_whole
from quisait.settings.types import reason_of
from search_api.administration.tables import (
    ChangePreview,
    EditedTable,
    FileChanged,
    TableChange,
    TableColumn,
    TableEntry,
)
from search_api.query.glossary import ARROW, DEFINITION, LineFault, read_glossary

GLOSSARY, TOPICS = "glossary", "topics"
NAMES = {"glossaire": GLOSSARY, "sujets": TOPICS}
"""Name of each file in the settings, and its name in addresses."""
MAX_BYTES = 1_000_000
"""Maximum size of a file in bytes; lists that people maintain by hand are smaller."""
FORMER = ".bak"
"""Ending of the copy of the file before its last change."""
BYTE_ORDER_MARK = "\ufeff"
_OTHER_BREAKS = re.compile(r"[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]|\r(?!\n)")
"""Matches characters that only some programs treat as the end of a line."""
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")

_WRITING = Lock()


@dataclass(frozen=True, slots=True)
class EditedFiles:
    """The files that the settings name. Questions read a changed glossary at once."""

    settings: Settings

    def names(self) -> Mapping[str, str]:
        """See `EditedTables`."""
        return {kind.capitalize(): NAMES[kind] for kind, _ in self._files()}

    def read(self, name: str) -> EditedTable:
        """See `EditedTables`. A missing file is empty: writing creates it."""
        kind, path = self._find(name)
        text = _text_of(path)
        lines = _lines(text)
        form = _format(name, path, lines)
        faults = {one.line: one.reason for one in form.faults(lines)}
        return EditedTable(
            name,
            kind.capitalize(),
            form.columns,
            tuple(_entries(form, lines, faults)),
            _version(text),
            _why_locked(path, text),
            form.applies,
        )

    def preview(self, name: str, change: TableChange) -> ChangePreview:
        """See `EditedTables`."""
        _, path = self._find(name)
        return _changed(name, path, _text_of(path), change)[0]

    def write(self, name: str, change: TableChange) -> ChangePreview:
        """See `EditedTables`."""
        _, path = self._find(name)
        try:
            with _WRITING:
                text = _text_of(path)
                preview, after = _changed(name, path, text, change)
                mode = S_IMODE(path.stat().st_mode) if path.exists() else 0o640
                if path.exists():
                    write_whole(path.with_name(f"{path.name}{FORMER}"), path.read_bytes(), mode)
                write_whole(path, after.encode(), mode)
        except OSError as error:
            raise ValueError(_locked(path, reason_of(error))) from error
        return preview

    def _files(self) -> Iterator[tuple[str, str]]:
        if self.settings.search.glossary:
            yield "glossaire", self.settings.search.glossary
        if self.settings.topics.file.endswith(".csv"):
            yield "sujets", self.settings.topics.file

    def _find(self, name: str) -> tuple[str, Path]:
        """Return the file's kind and path, links resolved: the link's target is written.

        Raises `KeyError`.
        """
        for kind, path in self._files():
            if NAMES[kind] == name:
                return kind, beside_file(path).resolve()
        raise KeyError(name)


def _changed(name: str, path: Path, text: str, change: TableChange) -> tuple[ChangePreview, str]:
    """Return the effects of a change, and the file's text after the change. Raises `ValueError`."""
    if _version(text) != change.version:
        raise FileChanged(
            "Rien n’est enregistré : le fichier a changé depuis son ouverture. Rouvrez la table et "
            "recommencez."
        )
    mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""
    before = _lines(text)
    form = _format(name, path, before)
    if locked := _why_locked(path, text):
        raise ValueError(locked)
    kept = text.removeprefix(mark).splitlines(keepends=True)
    if not before and isinstance(form, _TopicFormat):
        kept = [f"{form.header}\n"]
    if change.line is not None and not _is_entry(before, change.line):
        raise ValueError("Cette ligne n’est plus dans le fichier : rouvrez la table.")
    at = len(kept) if change.line is None else change.line - 1
    former = "" if change.line is None else before[at]
    new = "" if change.cells is None else _line_of(form, change.cells)
    if former == new:
        raise ValueError("Rien n’est changé : l’entrée est déjà celle-là.")
    end = "\r\n" if "\r\n" in text else "\n"
    if change.line is None and kept and not kept[-1].endswith(("\n", "\r")):
        kept[-1] += end
    ending = former and kept[at][len(former) :]
    kept[at : at + bool(former)] = [f"{new}{ending or end}"] if new else []
    after = mark + "".join(kept)
    if len(after.encode()) > MAX_BYTES:
        raise ValueError("Rien n’est enregistré : le fichier serait trop long pour cette page.")
    after_lines = _lines(after)
    _refuse_new_faults(form, before, after_lines)
    cells = form.cells(new or former)
    if former and new and isinstance(form, _TopicFormat):
        form.refuse_other_id(form.cells(former), cells)
    effects = tuple(form.effects(before, after_lines, new or former))
    return ChangePreview(form.name(cells), former, new, effects), after


def _line_of(form: "_Format", cells: Sequence[str]) -> str:
    for column, cell in zip(form.columns, cells, strict=True):
        if column.required and not cell:
            raise ValueError(f"« {column.label} » est à remplir.")
        if _UNSAFE.search(cell):
            raise ValueError(f"« {column.label} » a un caractère qui ne s’écrit pas ici.")
    line = form.line(cells)
    if line.startswith("#"):
        raise ValueError("Une entrée ne commence pas par # : ce serait un commentaire.")
    return line


def _refuse_new_faults(form: "_Format", before: Sequence[str], after: Sequence[str]) -> None:
    """Raise `ValueError` if the new content has faults that the former content did not have."""
    new = _faults(form, after) - _faults(form, before)
    if new:
        told = " ; ".join(dict.fromkeys(reason for _, reason in new))
        raise ValueError(f"Rien n’est enregistré. À corriger : {told}.")


def _faults(form: "_Format", lines: Sequence[str]) -> Counter[tuple[str, str]]:
    """Return how often each line has each fault."""
    return Counter(
        (lines[one.line - 1] if one.line else "", one.reason) for one in form.faults(lines)
    )


def _is_entry(lines: Sequence[str], number: int) -> bool:
    return 0 < number <= len(lines) and _says_something(lines[number - 1])


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _entries(
    form: "_Format", lines: Sequence[str], faults: Mapping[int, str]
) -> Iterator[TableEntry]:
    first = 2 if isinstance(form, _TopicFormat) else 1
    for number, line in enumerate(lines, 1):
        fault = faults.get(number, "")
        if number < first or not (fault or _says_something(line)):
            continue
        try:
            cells = form.cells(line)
        except ValueError:
            cells = (line, *("" for _ in form.columns[1:]))
        yield TableEntry(number, form.name(cells), cells, fault)


def _format(name: str, path: Path, lines: Sequence[str]) -> "_Format":
    if name == GLOSSARY:
        return _GlossaryFormat()
    return _TopicFormat(path.name, lines[0] if lines else _DEFAULT_HEADER)


@dataclass(frozen=True, slots=True)
class _GlossaryFormat:
    columns: tuple[TableColumn, ...] = (
        TableColumn(
            "expressions",
            "Expressions équivalentes",
            "Séparées par des points-virgules, comme « CFE;cotisation foncière des entreprises » : "
            "qui en cherche une cherche aussi les autres.",
            required=True,
        ),
        TableColumn(
            "added",
            "Cherchées en plus, dans ce sens seulement",
            "Facultatif. Qui cherche les premières cherche aussi celles-ci, mais pas l’inverse.",
        ),
        TableColumn(
            "definition",
            "Définition",
            "Facultatif, deux ou trois phrases. Montrée à qui demande ce que veut dire l’une des "
            "expressions.",
        ),
    )
    applies: str = "La prochaine question en tient compte."

    def cells(self, line: str) -> tuple[str, ...]:
        written, _, text = line.partition(DEFINITION)
        first, _, added = written.partition(ARROW)
        return first.strip(), added.strip(), text.strip()

    def line(self, cells: Sequence[str]) -> str:
        first, added, text = cells
        written = f"{first} {ARROW} {added}" if added else first
        return f"{written} {DEFINITION} {text}" if text else written

    def name(self, cells: Sequence[str]) -> str:
        return cells[0].partition(";")[0].strip()

    def faults(self, lines: Sequence[str]) -> Sequence[LineFault]:
        return read_glossary(lines).faults

    def effects(self, before: Sequence[str], after: Sequence[str], line: str) -> Iterator[str]:
        was, now = read_glossary(before).content, read_glossary(after).content
        for member in (
            one.strip() for one in re.split(f";|{ARROW}", line.partition(DEFINITION)[0])
        ):
            old = [other for one in was.expansions(member) for other in one.others]
            new = [other for one in now.expansions(member) for other in one.others]
            if member and old != new:
                others = ", ".join(f"« {one} »" for one in new)
                found = f"cherche aussi {others}" if new else "ne cherche plus que ces mots"
                yield f"Qui cherche « {member} » {found}."
            said = [one.text for one in now.definitions(member) if one.text]
            if member and said != [one.text for one in was.definitions(member) if one.text]:
                read = " ; ".join(f"lit « {one} »" for one in said) or "ne lit plus de définition"
                yield f"Qui demande ce que veut dire « {member} » {read}."


_TOPIC_COLUMNS = {
    "id": TableColumn(
        "id", "Identifiant", "Il ne change pas ensuite. Vide : il est fait du libellé."
    ),
    "label": TableColumn("label", "Libellé", required=True),
    "alt_labels": TableColumn(
        "alt_labels",
        "Autres noms",
        "Séparés par une barre : « cotisation foncière des entreprises|base minimum ».",
    ),
    "broader": TableColumn(
        "broader", "Sujets plus larges", "Leurs identifiants, séparés par une barre. Facultatif."
    ),
    "kind": TableColumn("kind", "Sorte", choices=(("topic", "sujet"), ("métier", "métier"))),
    "theme": TableColumn("theme", "Thème", "Facultatif. « Sujets » les groupe ainsi."),
    "definition": TableColumn(
        "definition",
        "Définition",
        "Facultatif, une phrase. Elle vient en tête de la page du sujet.",
    ),
}
_DEFAULT_HEADER = "id;label;alt_labels;broader;kind"


@dataclass(frozen=True, slots=True)
class _TopicFormat:
    file: str
    header: str
    applies: str = (
        "La prochaine cartographie en tient compte : celle du jour, ou « Reconstruire », à la page "
        "« Administration »."
    )

    @property
    def delimiter(self) -> str:
        return ";" if self.header.count(";") > self.header.count(",") else ","

    @property
    def names(self) -> list[str]:
        found = [one.strip().lower() for one in self.header.split(self.delimiter)]
        return [one for one in found if one]

    @property
    def columns(self) -> tuple[TableColumn, ...]:
        return tuple(_TOPIC_COLUMNS.get(one, TableColumn(one, one)) for one in self.names)

    def cells(self, line: str) -> tuple[str, ...]:
        row = next(iter(csv.reader([line], delimiter=self.delimiter)), [])
        cells = [one.strip() for one in row]
        return tuple([*cells, *("" for _ in self.names)][: len(self.names)])

    def line(self, cells: Sequence[str]) -> str:
        by_name = dict(zip(self.names, cells, strict=True))
        if not by_name.get("id"):
            by_name["id"] = re.sub(r"[^a-z0-9]+", "-", fold(by_name["label"].lower())).strip("-")
        return _row([by_name[one] for one in self.names], self.delimiter)

    def name(self, cells: Sequence[str]) -> str:
        by_name = dict(zip(self.names, cells, strict=False))
        return by_name.get("id") or by_name.get("label", "")

    def refuse_other_id(self, former: Sequence[str], new: Sequence[str]) -> None:
        """Raise `ValueError` if a change gives a topic another id."""
        if self.name(former) != self.name(new):
            raise ValueError(
                "L’identifiant d’un sujet ne change pas : les décisions prises et les suivis s’y "
                "rattachent. Gardez-le, ou retirez ce sujet et ajoutez-en un autre."
            )

    def faults(self, lines: Sequence[str]) -> Sequence[LineFault]:
        try:
            found = self._topics(lines).malformed
        except SourceRefused as error:
            return (LineFault(0, str(error)),)
        return tuple(LineFault(int(one.where.rpartition(":")[2]), one.reason) for one in found)

    def effects(self, before: Sequence[str], after: Sequence[str], line: str) -> Iterator[str]:
        was = {one.id: one for one in self._topics(before).topics}
        now = {one.id: one for one in self._topics(after).topics}
        for id_ in sorted(was.keys() | now.keys()):
            old, new = was.get(id_), now.get(id_)
            if old is None and new is not None:
                yield f"Le sujet « {new.label} » est ajouté."
            elif new is None and old is not None:
                yield f"Le sujet « {old.label} » est retiré : plus personne n’y sera trouvé."
            elif old and new and old != new:
                renamed = f", et s’appelle « {new.label} »" if old.label != new.label else ""
                yield f"Le sujet « {old.label} » change{renamed}."

    def _topics(self, lines: Sequence[str]) -> TopicList:
        text = "".join(f"{line}\n" for line in lines) or f"{self.header}\n"
        return topics_of_table(self.file, text.encode())


_Format = _GlossaryFormat | _TopicFormat
"""How one kind of table is read and written, line by line.

`cells` raises `ValueError` for a line without cells. `effects` yields in French what changes
between two contents, for a line of one of them.
"""


def _row(cells: Sequence[str], delimiter: str) -> str:
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator="").writerow(cells)
    return written.getvalue()


def _text_of(path: Path) -> str:
    """Return the file's text, empty if it is missing. Raises `ValueError` with a sentence."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} n’est pas en UTF-8 : enregistrez-le ainsi.") from error
    except OSError as error:
        raise ValueError(_locked(path, reason_of(error))) from error


def _version(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _lines(text: str) -> list[str]:
    return text.removeprefix(BYTE_ORDER_MARK).splitlines()


def _why_locked(path: Path, text: str) -> str:
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        return _locked(path, "lecture seule")
    quotes = any(line.count('"') % 2 for line in _lines(text) if _says_something(line))
    if quotes or _OTHER_BREAKS.search(text):
        return (
            f"Une entrée de {path.name} s’étend sur plusieurs lignes, ou a des guillemets mal "
            "fermés : modifiez ce fichier sur la machine."
        )
    return ""


def _locked(path: Path, reason: str) -> str:
    return (
        f"Le fichier {path.name} ne peut pas être écrit par ce service ({reason}). Donnez-en le "
        f"droit, ainsi que sur son dossier, au compte {account()}, ou modifiez-le sur la machine."
    )
