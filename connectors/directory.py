"""Agents, groups and their accounts from tables: CSV or JSON Lines, by extension."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from connectors.areas import DEPARTEMENTS
from connectors.changes import Malformed
from connectors.directory_lines import AgentLine, GroupLine, Line
from connectors.errors import SourceRefused, SourceUnreachable
from connectors.tables import Row, TableUnreadable, read_table
from connectors.values import Agent, Group


L = TypeVar("L", bound=Line)


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
            for where, line in _lines(self.groups, GroupLine, required="principal"):
                if isinstance(line, GroupLine):
                    yield Group(line.principal, line.label, frozenset(line.members))
                else:
                    raise SourceRefused(
                        f"{where} : {line}. Un groupe mal lu pourrait ouvrir ce qu'il ferme : "
                        "corrigez cette ligne ; l'annuaire d'avant reste en place."
                    )

    def _agents(self) -> Iterator[Agent | Malformed]:
        sound: dict[str, tuple[str, AgentLine]] = {}
        for where, line in _lines(self.agents, AgentLine, required="id"):
            if not isinstance(line, AgentLine):
                yield Malformed(where, line)
            elif line.id in sound:
                yield Malformed(where, "identifiant déjà donné plus haut : ligne ignorée")
                if not line.listed:
                    first, kept = sound[line.id]
                    sound[line.id] = first, kept.model_copy(update={"listed": False})
            else:
                sound[line.id] = (where, line)
        claims = Counter(a for _, line in sound.values() for a in set(line.accounts))
        for where, line in sound.values():
            yield from _agent(where, line, claims)


def _agent(where: str, line: AgentLine, claims: Counter[str]) -> Iterator[Agent | Malformed]:
    agent = Agent(**line.model_dump())
    own = tuple(a for a in dict.fromkeys(agent.accounts) if claims[a] == 1)
    if len(own) < len(set(agent.accounts)):
        yield Malformed(where, "compte donné à deux agents : il n'est joint à aucun")
    departement = agent.departement.upper()
    if departement and departement not in DEPARTEMENTS:
        yield Malformed(where, "code de département inconnu : laissé vide")
        departement = ""
    yield replace(agent, accounts=own, departement=departement)


def _lines(path: Path, model: type[L], required: str) -> Iterator[tuple[str, L | str]]:
    """Each row as (where, line), or as (where, reason) where it cannot be understood."""
    content = _content(path)
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


def _content(path: Path) -> bytes:
    if path.suffix.lower() not in {".csv", ".jsonl"}:
        raise SourceRefused(f"{path.name} : donnez l'annuaire en .csv ou en .jsonl.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceUnreachable(
            f"{path} ne peut être lu ({error.strerror}) : vérifiez le chemin et les droits."
        ) from error


def _json_rows(content: bytes) -> Iterator[Row]:
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not raw.strip():
            continue
        try:
            cells: Any = json.loads(raw)
        except (ValueError, RecursionError):
            cells = None
        yield (
            Row(number, cells)
            if isinstance(cells, dict)
            else Row(number, problem="ce n'est pas un objet JSON")
        )
