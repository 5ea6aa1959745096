"""Rules of a folder tree: who may read its files, and their other metadata.

A table `_quisait.csv` applies to its own folder and to all folders below; a sidecar
`<file>.quisait.json` applies to one file. Patterns are globs relative to the table's folder: `*`
and `?` match inside one name, `**` matches any number of folders (`**/*.pdf`), any other character
matches itself (folders are named «[RH] Paie»). For each field, deeper tables win over upper ones,
later rows over earlier ones, a sidecar over all. Nobody may read a file to which an invalid rule
may apply.

Anyone who may write in a folder can write such a table. So only trusted tables may add readers: the
root's table, or the tables of `RuleScope.outside`. All other tables can only take readers away.
"""

import hashlib
import json
import posixpath
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from connectors.file_patterns import matches, parse_pattern
from connectors.files import read_regular_file
from connectors.ports import Malformed, SourceRefused
from connectors.rule_reports import SIDECAR_SUFFIX, unknown_principals
from connectors.tables import TableUnreadable, invalid_value, none_if_empty, read_table
from connectors.values import EVERYONE, MAX_PRINCIPALS, MAX_REPLACED, Access, EvidencePolicy

TABLE_NAME = "_quisait.csv"
MAX_RULES = 100_000
"""Rows of one table; each takes a kilobyte of memory."""
MAX_RULE_BYTES = 16 * 1024 * 1024
"""Size of one table or sidecar."""
NO_READER_ADDED = (
    "elle nomme des lecteurs que les règles au-dessus n'admettent pas : ils ne sont pas ajoutés. "
    "Nommez-les plus haut, ou réglez tables = « trusted » si vous croyez qui écrit ici"
)
NOBODY = "nobody"
"""Value of `allowed`: nobody may read the file, even if rules of parent folders name readers."""


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

    @property
    def principals(self) -> frozenset[str]:
        """The groups, agents and accounts that the rule names."""
        return frozenset((*(self.allowed or ()), *(self.denied or ()))) - {EVERYONE, NOBODY}

    def overridden_by(self, other: "Rule") -> "Rule":
        """Return the rule with every field replaced that `other` sets."""
        values = {n: v for n in Rule.model_fields if (v := getattr(other, n)) is not None}
        return self.model_copy(update=values)

    def narrowed_by(self, other: "Rule", default: Access) -> "Rule":
        """Return the rule overridden by `other`, with only the readers that both rules admit.

        If this rule's `evidence` is `none`, it stays `none`.
        """
        rule = self.overridden_by(other)
        kept: dict[str, object] = {"allowed": self.allowed, "denied": self.denied}
        if other.allowed is not None or other.denied is not None:
            upper = access_by_rule(self, default)
            access = upper.narrowed_to(access_by_rule(other, Access(upper.allowed)))
            if len(access.denied) > MAX_PRINCIPALS:  # the index takes no more
                access = Access()
            kept = {
                "allowed": tuple(sorted(access.allowed)) or (NOBODY,),
                "denied": tuple(sorted(access.denied)),
            }
        if self.evidence is EvidencePolicy.NONE:
            kept["evidence"] = self.evidence
        return rule.model_copy(update=kept)


def access_by_rule(rule: Rule | None, default: Access) -> Access:
    """Return the access that a rule gives; it admits nobody if an invalid rule (None) may apply.

    `default` is used for fields that the rule does not set.
    """
    if rule is None:
        return Access()
    allowed, denied = default.allowed, default.denied
    if rule.allowed is not None:
        allowed = frozenset() if NOBODY in rule.allowed else frozenset(rule.allowed)
    if rule.denied is not None:
        denied = frozenset(rule.denied)
    return Access(allowed, denied)


_SKIPPED = frozenset({TABLE_NAME, "Thumbs.db", "desktop.ini"})


def is_skipped(name: str) -> bool:
    """Return whether a name is hidden, a lock file of an office program, or a rule file."""
    return name.startswith((".", "~$")) or name in _SKIPPED or name.endswith(SIDECAR_SUFFIX)


COLUMNS = frozenset(Rule.model_fields) | {"pattern"}


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A row of a table: a pattern (path segments below the table's folder) and its rule.

    The rule is None if the row is invalid. `line` is the row's line number in the file; tables that
    only differ in line numbers are equal.
    """

    pattern: tuple[str, ...]
    rule: Rule | None
    line: int = field(default=0, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class RuleTable:
    """The rules of one folder (`folder`: path segments below the root).

    `trusted`: the table may also add readers.
    """

    folder: tuple[str, ...]
    rows: tuple[RuleRow, ...]
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class RuleScope:
    """The settings for a tree's rules.

    `default`: the access of files for which no rule names readers. `outside`: tables kept outside
    the tree; the tree's own tables may then only remove readers. `trusted`: every table and sidecar
    of the tree may add readers.
    """

    default: Access = field(default_factory=Access)
    outside: tuple[RuleTable, ...] = ()
    trusted: bool = False

    def trusts(self, folder: tuple[str, ...]) -> bool:
        """Return whether the table in this folder may add readers."""
        return self.trusted or not (folder or self.outside)


EVERYTHING_BELOW = ("**",)


def unreadable_table(folder: tuple[str, ...]) -> RuleTable:
    """Return a table for an unreadable file: nobody may read the files below it."""
    return RuleTable(folder, (RuleRow(EVERYTHING_BELOW, None),))


def read_outside_table(path: Path, where: str) -> tuple[RuleTable, tuple[Malformed, ...]]:
    """Return the trusted table at `path`, outside the tree, and its invalid rows.

    If it cannot be read, nobody may read anything. `where` names it in problems.
    """
    try:
        content = read_regular_file(path)
    except (OSError, SourceRefused):
        reason = "la table de règles ne se lit pas : personne ne lit ce dont elle parle"
        return unreadable_table(()), (Malformed(where, reason, kind="rule"),)
    table, problems = parse_table(content, (), trusted=True)
    return table, tuple(
        replace(one, where=where + one.where.removeprefix(TABLE_NAME)) for one in problems
    )


def parse_table(
    content: bytes, folder: tuple[str, ...], *, trusted: bool
) -> tuple[RuleTable, tuple[Malformed, ...]]:
    """Return the table of a folder, and its invalid rows."""
    where = "/".join((*folder, TABLE_NAME))
    try:
        raw_rows = list(islice(read_table(content, COLUMNS, required="pattern"), MAX_RULES + 1))
    except TableUnreadable as error:
        return unreadable_table(folder), (Malformed(where, str(error), kind="rule"),)
    if len(raw_rows) > MAX_RULES:
        reason = f"plus de {MAX_RULES} règles"
        return unreadable_table(folder), (Malformed(where, reason, kind="rule"),)
    rows, problems = [], []
    for raw in raw_rows:
        pattern = parse_pattern(raw.cells.get("pattern", ""))
        cells: dict[str, object] = {n: c for n, c in raw.cells.items() if n != "pattern"}
        rule, reason = _parse_rule(cells, folder)
        reason = raw.problem or reason or ("" if pattern else "« pattern » : motif refusé")
        # In a row with missing cells any cell may be the pattern: it may apply to every file.
        applies_to = EVERYTHING_BELOW if raw.problem or not pattern else pattern
        rows.append(RuleRow(applies_to, None if reason else rule, raw.number))
        if reason:
            problems.append(Malformed(f"{where}:{raw.number}", reason, kind="rule"))
    return RuleTable(folder, tuple(rows), trusted), tuple(problems)


Strangers = Callable[[Collection[str]], Collection[str]]
"""A function that returns the given principals that are no known group, agent or account."""


def unknown_in_table(table: RuleTable, where: str, strangers: Strangers) -> Iterator[Malformed]:
    """Yield a report for each row of a table that names unknown principals."""
    lines = {row.line: row.rule.principals for row in table.rows if row.rule}
    unknown = frozenset(strangers(frozenset().union(*lines.values())))
    for line, principals in lines.items():
        if names := principals & unknown:
            yield unknown_principals(f"{where}:{line}", names)


def unknown_in_sidecar(
    rule: Rule, content: bytes, where: str, strangers: Strangers
) -> Iterator[Malformed]:
    """Yield a report for the first line of a sidecar that names an unknown principal, if any."""
    if names := frozenset(strangers(rule.principals)):
        lines = enumerate(content.decode("utf-8-sig").splitlines(), start=1)
        first = next((n for n, line in lines if any(name in line for name in names)), 1)
        yield unknown_principals(f"{where}:{first}", names)


def tables_digest(tables: Sequence[RuleTable]) -> str:
    """Return a digest that changes if any of these tables does."""
    return hashlib.blake2b(repr(tuple(tables)).encode(), digest_size=9).hexdigest()


def parse_sidecar(content: bytes, folder: tuple[str, ...]) -> tuple[Rule | None, str]:
    """Return (rule, "") of a sidecar, or (None, reason)."""
    try:
        values = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None, "ce n'est pas du JSON"
    if not isinstance(values, dict):
        return None, "ce n'est pas un objet JSON"
    return _parse_rule(values, folder)


def rule_and_ignored(
    path: tuple[str, ...],
    tables: Sequence[RuleTable],
    sidecar: Rule | None = None,
    scope: RuleScope | None = None,
) -> tuple[Rule | None, tuple[int, ...]]:
    """Return a file's rule, and the numbers of tables whose added readers are ignored.

    The rule comes from the tables of the file's folders (root first) and its sidecar; it is None if
    an invalid rule may apply to the file: then nobody may read it. The sidecar's number follows the
    last table's.
    """
    scope = scope or RuleScope()
    rule = Rule()
    ignored: list[int] = []
    for number, (own, trusted) in enumerate(_rules_of(path, tables, sidecar, scope)):
        if own is None:
            return None, tuple(ignored)
        if trusted:
            rule = rule.overridden_by(own)
            continue
        if own.allowed is not None and NOBODY not in own.allowed:
            upper = access_by_rule(rule, scope.default).allowed
            if EVERYONE not in upper and not Access(frozenset(own.allowed)).allowed <= upper:
                ignored.append(number)
        rule = rule.narrowed_by(own, scope.default)
    return rule, tuple(ignored)


def _rules_of(
    path: tuple[str, ...], tables: Sequence[RuleTable], sidecar: Rule | None, scope: RuleScope
) -> Iterator[tuple[Rule | None, bool]]:
    """Yield (rule, trusted) for each table that applies to a file, then for the sidecar."""
    for table in tables:
        relative, own = path[len(table.folder) :], Rule()
        for row in table.rows:
            if matches(row.pattern, relative):
                if row.rule is None:
                    yield None, table.trusted
                    return
                own = own.overridden_by(row.rule)
        yield own, table.trusted
    if sidecar:
        yield sidecar, scope.trusted


def _parse_rule(values: dict[str, object], folder: tuple[str, ...]) -> tuple[Rule | None, str]:
    """Return (rule, ""), or (None, reason) if it is invalid."""
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
    """Return a path relative to the root.

    Rules write paths relative to their folder, or to the root with a leading `/`.
    """
    start = "/" if name.startswith("/") else "/".join(folder)
    path = posixpath.normpath(posixpath.join(start, name).lstrip("/"))
    if path == ".." or path.startswith("../"):
        raise ValueError("« replaces » ou « part_of » : le chemin sort du dossier de la source")
    return unicodedata.normalize("NFC", path)
