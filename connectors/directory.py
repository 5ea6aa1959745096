"""Agents, groups and their accounts from CSV or JSON Lines tables, chosen by extension."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from connectors.account_linking import HoldersByAccount, disputed_account, holders_by_account
from connectors.files import read_regular_file
from connectors.geography import DEPARTEMENTS
from connectors.ports import Malformed, SourceRefused, SourceUnreachable
from connectors.tables import TableRow, TableUnreadable, exceeds_json_values, read_table
from connectors.values import (
    RESERVED_AUTHORITIES,
    Agent,
    ContactVia,
    Group,
    authority_of,
    normalize_principal,
)


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split("|") if part.strip()]


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _yes_or_no(value: object) -> object:
    words = {"": True, "oui": True, "non": False}
    return words.get(value.strip().lower(), value) if isinstance(value, str) else value


def _default_contact(value: object) -> object:
    return value or ContactVia.DIRECT


Key = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]+$")]
Text = Annotated[str, Field(max_length=2000)]
Day = Annotated[date | None, BeforeValidator(_none_if_empty)]
Keys = Annotated[tuple[Key, ...], BeforeValidator(_split)]
Account = Annotated[str, Field(pattern=r"^[^:\s]+:\S.*$")]


class DirectoryRecord(BaseModel):
    """A row: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class AgentRecord(DirectoryRecord):
    """A row of the agents' table."""

    id: Key
    given_name: Text = ""
    family_name: Text = ""
    metier: Text = ""
    entity: Text = ""
    office: Text = ""
    departement: Text = ""
    email: Text = ""
    arrival: Day = None
    departure: Day = None
    skills: Keys = ()
    accounts: Annotated[tuple[Account, ...], BeforeValidator(_split)] = ()
    listed: Annotated[bool, BeforeValidator(_yes_or_no)] = True
    skills_declared: Day = None
    skills_confirmed: Keys = ()
    contact_via: Annotated[ContactVia, BeforeValidator(_default_contact)] = ContactVia.DIRECT
    contact: Text = ""


def _not_reserved(principal: str) -> str:
    if authority_of(principal) in RESERVED_AUTHORITIES:
        raise ValueError("everyone and agent are nobody's groups")
    return principal


class GroupRecord(DirectoryRecord):
    """A row of the groups' table."""

    principal: Annotated[
        str, Field(pattern=r"^[^:\s]+:[^:\s]+:\S.*$"), AfterValidator(_not_reserved)
    ]
    label: Text = ""
    members: Keys = ()


class AccountRecord(DirectoryRecord):
    """A row of the accounts' table: an account that a person gave to an agent."""

    account: Account
    agent: Key


Record = TypeVar("Record", bound=DirectoryRecord)

_MAX_ROW_VALUES = 250_000
"""A group of all agents, one line."""


def read_records(
    path: Path, model: type[Record], required: str
) -> Iterator[tuple[str, Record | str]]:
    """Each row as (where, line), or as (where, reason) where it cannot be understood."""
    content = _read_bytes(path)
    columns = frozenset(model.model_fields)
    try:
        rows = (
            read_table(content, columns, required)
            if path.suffix.lower() == ".csv"
            else _json_rows(content)
        )
    except TableUnreadable as error:
        raise SourceRefused(
            f"{path.name} : {error}. Corrigez le fichier, puis relancez."
        ) from error
    for row in rows:
        where = f"{path.name}:{row.number}"
        if row.problem:
            yield where, row.problem
            continue
        try:
            yield where, model.model_validate(row.cells)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            field = first["loc"][0] if first["loc"] and first["loc"][0] in columns else "?"
            yield where, f"« {field} » : valeur refusée ({first['type']})"


def _read_bytes(path: Path) -> bytes:
    if path.suffix.lower() not in {".csv", ".jsonl"}:
        raise SourceRefused(f"{path.name} : donnez l'annuaire en .csv ou en .jsonl.")
    try:
        return read_regular_file(path)
    except OSError as error:
        raise SourceUnreachable(
            f"{path} ne peut être lu ({error.strerror}) : vérifiez le chemin et les droits."
        ) from error


def _json_rows(content: bytes) -> Iterator[TableRow]:
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not raw.strip():
            continue
        if exceeds_json_values(raw, _MAX_ROW_VALUES):
            yield TableRow(number, problem=f"ligne de plus de {_MAX_ROW_VALUES} valeurs JSON")
            continue
        try:
            cells: Any = json.loads(raw)
        except (ValueError, RecursionError):
            cells = None
        yield (
            TableRow(number, cells)
            if isinstance(cells, dict)
            else TableRow(number, problem="ce n'est pas un objet JSON")
        )


@dataclass(frozen=True, slots=True)
class TableDirectory:
    """The directory kept in two tables; `groups` may be left out.

    Columns are the fields of `Agent` and `Group`; several skills, accounts or members
    are separated by `|`. Tables are `.csv` (comma or semicolon) or `.jsonl`.
    """

    agents: Path
    groups: Path | None = None

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        """Yield every agent, then every group, and what could not be understood.

        An account that two agents claim is joined to neither, and an id that stands
        twice names its first agent, not to be listed if any of its rows says so. Raises
        `SourceUnreachable`, or `SourceRefused`, as for a group that could not be
        understood: without it, what is denied to its members would open to them.
        """
        yield from self._agents()
        if self.groups is not None:
            for where, line in read_records(self.groups, GroupRecord, required="principal"):
                if isinstance(line, GroupRecord):
                    yield Group(line.principal, line.label, frozenset(line.members))
                else:
                    raise SourceRefused(
                        f"{where} : {line}. Un groupe mal lu pourrait ouvrir ce qu'il ferme : "
                        "corrigez cette ligne ; l'annuaire d'avant reste en place."
                    )

    def _agents(self) -> Iterator[Agent | Malformed]:
        sound: dict[str, tuple[str, AgentRecord]] = {}
        for where, line in read_records(self.agents, AgentRecord, required="id"):
            if not isinstance(line, AgentRecord):
                yield Malformed(where, line)
                continue
            # Two ids of one form would be one principal.
            known_as = normalize_principal(line.id)
            if known_as in sound:
                yield Malformed(where, "identifiant déjà donné plus haut : ligne ignorée")
                if not line.listed:
                    first, kept = sound[known_as]
                    sound[known_as] = first, kept.model_copy(update={"listed": False})
            else:
                sound[known_as] = (where, line)
        claims = holders_by_account(line for _, line in sound.values())
        for where, line in sound.values():
            yield from _agent(where, line, claims)


def _agent(where: str, line: AgentRecord, claims: HoldersByAccount) -> Iterator[Agent | Malformed]:
    agent = Agent(**line.model_dump())
    own = tuple(
        a for a in dict.fromkeys(agent.accounts) if len(claims[normalize_principal(a)]) == 1
    )
    for account in sorted({*agent.accounts} - {*own}):
        yield disputed_account(account, claims[normalize_principal(account)], where)
    departement = agent.departement.upper()
    if departement and departement not in DEPARTEMENTS:
        yield Malformed(where, "code de département inconnu : laissé vide")
        departement = ""
    yield replace(agent, accounts=own, departement=departement)
