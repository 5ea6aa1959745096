"""`quisait directory`: agents and groups of the directory, and the state of linked accounts."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from connectors.account_linking import DisputedAccount
from connectors.batches import batches
from connectors.ports import Malformed, SourceRefused
from connectors.values import Agent, Group
from expertise.directory import DirectoryReport
from quisait.application.assembly import Application
from quisait.application.opening import Opening
from quisait.application.progress import plural_count
from quisait.application.sources import open_directory
from quisait.application.startup import opened_application
from quisait.clock import today
from quisait.commands.output import AsJson, print_json
from quisait.commands.privacy import opened_privacy
from quisait.commands.tokens import ended_text, opened_sessions
from quisait.privacy.retention import audit_command
from quisait.work.agent_cut import cut_agent, undo_cut
from quisait.work.crawl import read_directory
from search_api.wording import safe_text

NO_DIRECTORY = "Aucun annuaire : réglez [directory] agents ou [ldap] urls."
REMEDY = (
    "donnez ce compte à l'un d'eux dans la table [directory] accounts (colonnes account, agent)"
)
UNMATCHED = (
    "si c'est un agent, donnez-lui ce compte dans la table [directory] accounts, ou réglez "
    "« join » de la source"
)
AT_ONCE = 200
"""Documents read from the index at once."""


@dataclass(frozen=True, slots=True)
class AmbiguousAccount:
    """An account that several agents claim, and the remedy."""

    account: str
    agent_ids: tuple[str, ...]
    remedy: str = REMEDY


@dataclass(frozen=True, slots=True)
class DirectoryStatus:
    """The directory as it is now, compared with its stored copy.

    `joined` counts linked accounts by source. `unmatched` are accounts in documents that belong to
    no agent, None if not requested.
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


directory_app = typer.Typer(help="L'annuaire : ce qu'il dit, sa lecture, un agent retiré.")

AcceptDepartures = Annotated[
    bool,
    typer.Option("--accept-departures", help="Relire, et confirmer le départ de beaucoup d'agents"),
]


@directory_app.callback(invoke_without_command=True)
def directory(
    context: typer.Context,
    accept_departures: AcceptDepartures = False,
    unmatched: Annotated[
        bool, typer.Option("--unmatched", help="Montrer aussi les comptes sans agent (lit l'index)")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Montre ce que dit l'annuaire, les comptes joints, ambigus ou sans agent ; ne change rien.

    « read » le relit seul, « cut » retire tout accès à un agent.
    """
    if context.invoked_subcommand:
        return
    with opened_application(Opening.WRITE if accept_departures else Opening.READ) as application:
        audit_command(application.privacy, "quisait directory")
        if accept_departures:
            _read(application, accept_departures=True)
        status = directory_status(application, unmatched=unmatched)
    if as_json:
        print_json(status)
    else:
        _show(status)


@directory_app.command("read")
def read_command(accept_departures: AcceptDepartures = False, as_json: AsJson = False) -> None:
    """Relit l'annuaire seul, sans les sources : qui n'y est plus ne lit plus rien."""
    with opened_application(Opening.WRITE) as application:
        report = _read(application, accept_departures=accept_departures)
    if as_json:
        print_json(report)


def _read(application: Application, *, accept_departures: bool) -> DirectoryReport:
    """Read the directory, and print a summary to standard error."""
    report = read_directory(application, accept_departures=accept_departures)
    if report is None:
        raise SourceRefused(NO_DIRECTORY)
    counted = ((report.agents, "agent"), (report.groups, "groupe"), (report.left, "parti"))
    counts = ", ".join(plural_count(count, one) for count, one in counted)
    print(f"annuaire : {counts}", file=sys.stderr)
    for entry in report.malformed:
        line = f"annuaire : {safe_text(entry.where)} : {safe_text(entry.reason)}"
        print(line, file=sys.stderr)
    return report


@directory_app.command("cut")
def cut_command(
    agent: Annotated[str, typer.Argument(help="Identifiant de l'agent")],
    undo: Annotated[
        bool,
        typer.Option("--undo", help="Le rendre, comme l'annuaire le dit à sa lecture suivante"),
    ] = False,
) -> None:
    """Retire tout accès à un agent dès maintenant, même si l'annuaire le nomme encore."""
    with (
        opened_privacy(Opening.WRITE) as privacy,
        opened_sessions(Opening.WRITE) as opened,
    ):
        if undo:
            undo_cut(privacy, opened.database, agent)
            print("Rendu à la prochaine lecture de l'annuaire (« quisait directory read »).")
            return
        cut_agent(privacy, opened.database, agent)
        ended, withdrawn = opened.sessions.revoke_all(agent), opened.tokens.revoke_all(agent)
    print(f"Accès retiré : {ended_text(ended, withdrawn)}.")


def directory_status(application: Application, *, unmatched: bool = False) -> DirectoryStatus:
    """Read the directory without storing it.

    Raises `SourceUnreachable` or `SourceRefused`.
    """
    source = open_directory(application.settings)
    if source is None:
        raise SourceRefused(NO_DIRECTORY)
    entries = list(source.entries())
    agents = [entry for entry in entries if isinstance(entry, Agent)]
    ids, kept = {agent.id for agent in agents}, {agent.id for agent in application.book.everyone()}
    accounts = {account for agent in agents for account in agent.accounts}
    ambiguous = {
        AmbiguousAccount(entry.account, entry.agent_ids)
        for entry in entries
        if isinstance(entry, DisputedAccount)
    }
    return DirectoryStatus(
        agents=len(agents),
        departed=sum(agent.departed(today()) for agent in agents),
        groups=sum(isinstance(entry, Group) for entry in entries),
        arriving=len(ids - kept),
        leaving=len(kept - ids),
        joined=dict(sorted(Counter(account.partition(":")[0] for account in accounts).items())),
        ambiguous=tuple(sorted(ambiguous, key=lambda conflict: conflict.account)),
        malformed=tuple(
            entry
            for entry in entries
            if isinstance(entry, Malformed) and not isinstance(entry, DisputedAccount)
        ),
        unmatched=tuple(sorted(_contributing_accounts(application) - accounts))
        if unmatched
        else None,
    )


def _contributing_accounts(application: Application) -> set[str]:
    """Return every contributor's account in documents of the settings' sources."""
    return {
        contribution.account
        for source in application.settings.sources
        for ids in batches(
            [one.document_id for one in application.index.scan(source.name)], AT_ONCE
        )
        for indexed in application.index.documents(ids)
        for contribution in indexed.document.contributions
    }


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
