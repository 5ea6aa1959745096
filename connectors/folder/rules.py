"""Rules of a folder tree: who may read its files, and their other metadata.

A table `_quisait.csv` applies to the folder it stands in and to all folders below; a sidecar
`<file>.quisait.json` applies to one file. Patterns are globs relative to the table's folder:
`*` and `?` match inside one name, `**` matches any number of folders (`**/*.pdf`), any other
character matches itself (folders are named «[RH] Paie»). For each field, deeper tables win over
upper ones, later rows over earlier ones, a sidecar over all. Nobody may read the files to
which an invalid rule may apply.
"""

import hashlib
import json
import posixpath
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from connectors.file_patterns import matches, parse_pattern
from connectors.ports import Malformed
from connectors.tables import TableUnreadable, invalid_value, none_if_empty, read_table
from connectors.values import MAX_PRINCIPALS, MAX_REPLACED, EvidencePolicy

TABLE_NAME = "_quisait.csv"
SIDECAR_SUFFIX = ".quisait.json"
MAX_RULES = 100_000
"""Rows of one table; each takes a kilobyte of memory."""
MAX_RULE_BYTES = 16 * 1024 * 1024
"""Size of one table or sidecar."""
NOBODY = "nobody"
"""In `allowed`: nobody may read, whatever upper tables say."""


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split("|")] if value.strip() else None


Text = Annotated[
    str | None, Field(max_length=2000, pattern=r"^[^\x00]*$"), BeforeValidator(none_if_empty)
]
_name = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]+$")]
Names = Annotated[tuple[_name, ...] | None, BeforeValidator(_split)]
Replaced = Annotated[
    tuple[_name, ...] | None, Field(max_length=MAX_REPLACED), BeforeValidator(_split)
]
_principal = r"[^:\s]+:\S[^\x00]*"
Allowed = Annotated[
    tuple[Annotated[str, Field(pattern=rf"^(everyone|{NOBODY}|{_principal})$")], ...] | None,
    Field(max_length=MAX_PRINCIPALS),
    BeforeValidator(_split),
]
Denied = Annotated[
    tuple[Annotated[str, Field(pattern=rf"^(everyone|{_principal})$")], ...] | None,
    Field(max_length=MAX_PRINCIPALS),
    BeforeValidator(_split),
]
Day = Annotated[date | None, BeforeValidator(none_if_empty)]
Moment = Annotated[datetime | None, BeforeValidator(none_if_empty)]


class Rule(BaseModel):
    """Metadata of a file; unset fields are None. `replaces` and `part_of` are paths.

    `{path}` in `url` becomes the file's path relative to the root.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    allowed: Allowed = None
    denied: Denied = None
    kind: Text = None
    space: Text = None
    author: Names = None
    entity: Text = None
    area: Text = None
    valid_from: Day = None
    valid_until: Day = None
    replaces: Replaced = None
    part_of: Text = None
    created: Moment = None
    modified: Moment = None
    title: Text = None
    language: Text = None
    evidence: Annotated[EvidencePolicy | None, BeforeValidator(none_if_empty)] = None
    url: Text = None

    def overridden_by(self, other: "Rule") -> "Rule":
        """The rule with every field that `other` sets replaced."""
        values = {n: v for n in Rule.model_fields if (v := getattr(other, n)) is not None}
        return self.model_copy(update=values)


_SKIPPED = frozenset({TABLE_NAME, "Thumbs.db", "desktop.ini"})


def is_skipped(name: str) -> bool:
    """Whether a name is hidden, a lock file of an office program, or a rule file."""
    return name.startswith((".", "~$")) or name in _SKIPPED or name.endswith(SIDECAR_SUFFIX)


COLUMNS = frozenset(Rule.model_fields) | {"pattern"}


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A pattern, as path segments below its folder, and its rule: None if it is invalid."""

    pattern: tuple[str, ...]
    rule: Rule | None


@dataclass(frozen=True, slots=True)
class RuleTable:
    """The rules of one folder (`folder`: path segments below the root)."""

    folder: tuple[str, ...]
    rows: tuple[RuleRow, ...]


EVERYTHING_BELOW = ("**",)


def unreadable_table(folder: tuple[str, ...]) -> RuleTable:
    """A table that could not be read: nobody may read the files below it."""
    return RuleTable(folder, (RuleRow(EVERYTHING_BELOW, None),))


def parse_table(content: bytes, folder: tuple[str, ...]) -> tuple[RuleTable, tuple[Malformed, ...]]:
    """The table of a folder, and its invalid rows."""
    where = "/".join((*folder, TABLE_NAME))
    try:
        raw_rows = list(islice(read_table(content, COLUMNS, required="pattern"), MAX_RULES + 1))
    except TableUnreadable as error:
        return unreadable_table(folder), (Malformed(where, str(error)),)
    if len(raw_rows) > MAX_RULES:
        return unreadable_table(folder), (Malformed(where, f"plus de {MAX_RULES} règles"),)
    rows, problems = [], []
    for raw in raw_rows:
        pattern = parse_pattern(raw.cells.get("pattern", ""))
        cells: dict[str, object] = {n: c for n, c in raw.cells.items() if n != "pattern"}
        rule, reason = _parse_rule(cells, folder)
        reason = raw.problem or reason or ("" if pattern else "« pattern » : motif refusé")
        # In a row with missing cells any cell may be the pattern: it may apply to every file.
        applies_to = EVERYTHING_BELOW if raw.problem or not pattern else pattern
        rows.append(RuleRow(applies_to, None if reason else rule))
        if reason:
            problems.append(Malformed(f"{where}:{raw.number}", reason))
    return RuleTable(folder, tuple(rows)), tuple(problems)


def tables_digest(tables: Sequence[RuleTable]) -> str:
    """A digest that changes if any of these tables does."""
    return hashlib.blake2b(repr(tuple(tables)).encode(), digest_size=9).hexdigest()


def parse_sidecar(content: bytes, folder: tuple[str, ...]) -> tuple[Rule | None, str]:
    """The rule of a sidecar, or None with the reason."""
    try:
        values = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None, "ce n'est pas du JSON"
    if not isinstance(values, dict):
        return None, "ce n'est pas un objet JSON"
    return _parse_rule(values, folder)


def effective_rule(
    path: tuple[str, ...], tables: Sequence[RuleTable], sidecar: Rule | None = None
) -> Rule | None:
    """The rule of a file, from the tables of its folders (root first) and its sidecar.

    None if an invalid rule may apply to it: then nobody may read it.
    """
    rule = Rule()
    for table in tables:
        relative = path[len(table.folder) :]
        for row in table.rows:
            if not matches(row.pattern, relative):
                continue
            if row.rule is None:
                return None
            rule = rule.overridden_by(row.rule)
    return rule.overridden_by(sidecar) if sidecar else rule


def _parse_rule(values: dict[str, object], folder: tuple[str, ...]) -> tuple[Rule | None, str]:
    """The rule, or None with the reason."""
    try:
        rule = Rule.model_validate(values)
        replaces = tuple(_from_root(name, folder) for name in rule.replaces or ())
        part_of = _from_root(rule.part_of, folder) if rule.part_of else None
    except ValidationError as error:
        return None, invalid_value(error, COLUMNS)
    except ValueError as error:
        return None, str(error)
    return rule.model_copy(update={"replaces": replaces or None, "part_of": part_of}), ""


def _from_root(name: str, folder: tuple[str, ...]) -> str:
    """A rule's path, relative to the root; it is written relative to the folder, or from `/`."""
    start = "/" if name.startswith("/") else "/".join(folder)
    path = posixpath.normpath(posixpath.join(start, name).lstrip("/"))
    if path == ".." or path.startswith("../"):
        raise ValueError("« replaces » ou « part_of » : le chemin sort du dossier de la source")
    return unicodedata.normalize("NFC", path)
