"""`quisait directory`.

Agents and groups of the directory, accounts joined, ambiguous or unmatched.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from connectors.account_linking import DisputedAccount
from connectors.ports import Malformed, SourceRefused
from connectors.values import Agent, Group
from quisait.application.assembly import Application
from quisait.application.sources import open_directory
from quisait.application.startup import opened_application
from quisait.clock import today
from quisait.privacy.retention import audit_command
from quisait.work.crawl import read_directory

REMEDY = (
    "donnez ce compte à l'un d'eux dans la table [directory] accounts (colonnes account, agent)"
)
UNMATCHED = (
    "si c'est un agent, donnez-lui ce compte dans la table [directory] accounts, ou réglez "
    "« join » de la source"
)
AT_ONCE = 200
"""Documents read at once from the index."""


@dataclass(frozen=True, slots=True)
class AmbiguousAccount:
    """An account that several agents may hold, and what a person can do."""

    account: str
    agent_ids: tuple[str, ...]
    remedy: str = REMEDY


@dataclass(frozen=True, slots=True)
class DirectoryStatus:
    """The directory as it is now, beside what was kept of it.

    `joined` counts the accounts by source. `unmatched` are accounts of documents that no
    agent holds, None where they were not asked for.
    """

    agents: int
    departed: int
    groups: int
    arriving: int
    leaving: int
    joined: dict[str, int]
    ambiguous: tuple[AmbiguousAccount, ...]
    malformed: tuple[Malformed, ...]
    unmatched: tuple[str, ...] | None = None


def directory(
    accept_departures: Annotated[
        bool,
        typer.Option(
            "--accept-departures", help="Relire, et confirmer le départ de beaucoup d'agents"
        ),
    ] = False,
    unmatched: Annotated[
        bool,
        typer.Option("--unmatched", help="Montrer aussi les comptes sans agent (lit l'index)"),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Résultat en JSON")] = False,
) -> None:
    """Montre ce que dit l'annuaire, les comptes joints, ambigus ou sans agent ; ne change rien."""
    with opened_application() as application:
        audit_command(application.privacy, "quisait directory")
        if accept_departures:
            report = read_directory(application, accept_departures=True)
            if report is not None:
                print(f"annuaire : {report.agents} agents, {report.left} partis", file=sys.stderr)
        status = directory_status(application, unmatched=unmatched)
    if as_json:
        print(json.dumps(asdict(status), ensure_ascii=False, indent=2))
    else:
        _show(status)


def directory_status(application: Application, *, unmatched: bool = False) -> DirectoryStatus:
    """Reads the directory; nothing is written. Raises `SourceUnreachable` or `SourceRefused`."""
    source = open_directory(application.settings)
    if source is None:
        raise SourceRefused("Aucun annuaire : réglez [directory] agents ou [ldap] urls.")
    entries = list(source.entries())
    agents = [entry for entry in entries if isinstance(entry, Agent)]
    ids, kept = {agent.id for agent in agents}, {agent.id for agent in application.book.everyone()}
    accounts = {account for agent in agents for account in agent.accounts}
    return DirectoryStatus(
        agents=len(agents),
        departed=sum(agent.departed(today()) for agent in agents),
        groups=sum(isinstance(entry, Group) for entry in entries),
        arriving=len(ids - kept),
        leaving=len(kept - ids),
        joined=dict(sorted(Counter(account.partition(":")[0] for account in accounts).items())),
        ambiguous=tuple(sorted(_ambiguous(entries), key=lambda conflict: conflict.account)),
        malformed=tuple(
            entry
            for entry in entries
            if isinstance(entry, Malformed) and not isinstance(entry, DisputedAccount)
        ),
        unmatched=tuple(sorted(_contributing_accounts(application) - accounts))
        if unmatched
        else None,
    )


def _ambiguous(entries: list[Agent | Group | Malformed]) -> set[AmbiguousAccount]:
    return {
        AmbiguousAccount(entry.account, entry.agent_ids)
        for entry in entries
        if isinstance(entry, DisputedAccount)
    }


def _contributing_accounts(application: Application) -> set[str]:
    """Every account that signs a document of the settings' sources."""
    return {
        contribution.account
        for source in application.settings.sources
        for ids in _batches(application, source.name)
        for indexed in application.index.documents(ids)
        for contribution in indexed.document.contributions
    }


def _batches(application: Application, source: str) -> Iterator[list[str]]:
    ids = [entry.document_id for entry in application.index.scan(source)]
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))


def _show(status: DirectoryStatus) -> None:
    print(f"annuaire : {status.agents} agents, dont {status.departed} partis")
    print(f"groupes : {status.groups}")
    gone = f"{status.leaving} qui n'y sont plus"
    print(f"depuis la dernière lecture : {status.arriving} arrivés, {gone}")
    for source, count in status.joined.items():
        print(f"comptes joints, {source} : {count}")
    for item in status.malformed:
        print(f"non compris : {item.where} : {item.reason}")
    rows = [
        (conflict.account, ", ".join(conflict.agent_ids), conflict.remedy)
        for conflict in status.ambiguous
    ]
    _table("Comptes ambigus, joints à personne", ("compte", "agents", "remède"), rows)
    if status.unmatched is not None:
        alone = [(account, UNMATCHED) for account in status.unmatched]
        _table("Comptes sans agent", ("compte", "remède"), alone)


def _table(title: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    # Imported here: no other command needs tables.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        print(f"{title} : aucun")
        return
    table = Table(title=title, title_justify="left")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
