"""Read agents, groups and their accounts from tables in CSV or JSON Lines, by file extension."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from connectors.account_linking import holders_by_account, undisputed
from connectors.files import read_regular_file
from connectors.geography import DEPARTEMENTS
from connectors.ports import Malformed, SourceRefused, SourceUnreachable
from connectors.tables import (
    TableRow,
    TableUnreadable,
    exceeds_json_values,
    invalid_value,
    none_if_empty,
    read_table,
)
from connectors.values import (
    RESERVED_AUTHORITIES,
    Agent,
    ContactVia,
    Group,
    Mission,
    authority_of,
    normalize_principal,
)


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split("|") if part.strip()]


def _yes_or_no(value: object) -> object:
    words = {"": True, "oui": True, "non": False}
    return words.get(value.strip().lower(), value) if isinstance(value, str) else value


def _default_contact(value: object) -> object:
    return value or ContactVia.DIRECT


Key = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]+$")]
Text = Annotated[str, Field(max_length=2000)]
Day = Annotated[date | None, BeforeValidator(none_if_empty)]
Keys = Annotated[tuple[Key, ...], BeforeValidator(_split)]
Account = Annotated[str, Field(pattern=r"^[^:\s]+:\S.*$")]


class DirectoryRecord(BaseModel):
    """A row of a directory table; unknown columns are refused."""

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
    missions: Keys = ()
    contact_via: Annotated[ContactVia, BeforeValidator(_default_contact)] = ContactVia.DIRECT
    contact: Text = ""


_PERIOD = re.compile(r"(?P<first>\d{4}-\d\d-\d\d)\s*(\.\.\s*(?P<last>\d{4}-\d\d-\d\d)?)?")


def mission_of(written: str) -> Mission | None:
    """Parse `topic@first..last`; the last day is optional. Return None if malformed."""
    topic, _, period = written.rpartition("@")
    topic, found = topic.strip(), _PERIOD.fullmatch(period.strip())
    if found is None or len(topic.splitlines()) != 1:
        return None
    try:
        first = date.fromisoformat(found["first"])
        last = date.fromisoformat(found["last"]) if found["last"] else None
    except ValueError:
        return None
    return None if last and last < first else Mission(topic, first, last)


def agent_of_record(
    record: AgentRecord, where: str, departement: str
) -> tuple[Agent, Sequence[Malformed]]:
    """Return the agent of a record, and reports of its malformed fields, which are left out."""
    missions = [mission_of(written) for written in record.missions]
    malformed = []
    if None in missions:
        malformed.append(Malformed(where, "mission mal écrite (sujet@début..fin) : laissée"))
    if record.departement and not departement:
        malformed.append(Malformed(where, "code de département inconnu : laissé vide"))
    read = tuple(dict.fromkeys(one for one in missions if one is not None))
    said = record.model_dump() | {"departement": departement, "missions": read}
    return Agent(**said), malformed


def _not_reserved(principal: str) -> str:
    if authority_of(principal) in RESERVED_AUTHORITIES:
        raise ValueError(f"reserved authorities: {', '.join(sorted(RESERVED_AUTHORITIES))}")
    return principal


class GroupRecord(DirectoryRecord):
    """A row of the groups' table."""

    principal: Annotated[
        str, Field(pattern=r"^[^:\s]+:[^:\s]+:\S.*$"), AfterValidator(_not_reserved)
    ]
    label: Text = ""
    members: Keys = ()


class AccountRecord(DirectoryRecord):
    """A row of the accounts' table: an account that an administrator assigned to an agent."""

    account: Account
    agent: Key


Record = TypeVar("Record", bound=DirectoryRecord)

_MAX_ROW_VALUES = 250_000
"""Maximum number of JSON values in one line. A group of all agents has fewer."""


def read_records(
    path: Path, model: type[Record], required: str
) -> Iterator[tuple[str, Record | str]]:
    """Yield each row as (where, record), or as (where, reason) if it is invalid."""
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
            yield where, invalid_value(error, columns)


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
    """A directory in two tables; `groups` is optional.

    Columns are the fields of `Agent` and `Group`; multiple skills, missions, accounts or members
    are separated by `|`. Tables are `.csv` (comma or semicolon) or `.jsonl`. `claimed` are
    authorities whose groups a source provides: the table may not contain their groups.
    """

    agents: Path
    groups: Path | None = None
    claimed: frozenset[str] = frozenset()

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        """Yield every agent, then every group, and invalid rows.

        An account that two agents claim is linked to neither of them. If two rows have the same id,
        only the first row is used, but the agent is unlisted if either row says so. Raises
        `SourceUnreachable` or `SourceRefused`. An invalid group raises `SourceRefused`, because
        without the group its members could read documents that deny it.
        """
        yield from self._agents()
        if self.groups is not None:
            for where, line in read_records(self.groups, GroupRecord, required="principal"):
                if isinstance(line, GroupRecord) and authority_of(line.principal) in self.claimed:
                    name = authority_of(line.principal)
                    raise SourceRefused(
                        f"{where} : les groupes « {name}:… » sont ceux que donne la source "
                        f"« {name} » (scim, reader_groups) : ôtez cette ligne, ou renommez la "
                        "source. D'ici là, ces groupes ne sont pas crus."
                    )
                if isinstance(line, GroupRecord):
                    yield Group(line.principal, line.label, frozenset(line.members))
                else:
                    raise SourceRefused(
                        f"{where} : {line}. Un groupe mal lu pourrait ouvrir ce qu'il ferme : "
                        "corrigez cette ligne ; l'annuaire d'avant reste en place."
                    )

    def _agents(self) -> Iterator[Agent | Malformed]:
        valid: dict[str, tuple[str, AgentRecord]] = {}
        for where, record in read_records(self.agents, AgentRecord, required="id"):
            if not isinstance(record, AgentRecord):
                yield Malformed(where, record)
                continue
            # Two ids with one normalized form would be one principal.
            key = normalize_principal(record.id)
            if key in valid:
                yield Malformed(where, "identifiant déjà donné plus haut : ligne ignorée")
                if not record.listed:
                    first_where, first = valid[key]
                    valid[key] = first_where, first.model_copy(update={"listed": False})
            else:
                valid[key] = (where, record)
        holders = holders_by_account((one.id, one.accounts) for _, one in valid.values())
        for where, record in valid.values():
            code = record.departement.upper()
            said, malformed = agent_of_record(record, where, code if code in DEPARTEMENTS else "")
            agent, disputed = undisputed(said, holders, where)
            yield from disputed
            yield from malformed
            yield agent
