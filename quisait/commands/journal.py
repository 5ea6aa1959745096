"""`quisait journal`: the query log, for administrators."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from expertise.directory import SqlDirectory
from quisait.application.opening import Opening
from quisait.application.startup import opened_state
from quisait.clock import now
from quisait.commands.output import AsJson, print_json
from quisait.privacy.retention import (
    audit_command,
    frequent_queries,
    hidden_queries,
    open_privacy,
    open_query_log,
)
from quisait.settings import Settings
from search_api.query_log.counts import MIN_ASKERS, QueryCounts

journal_app = typer.Typer(
    help="Ce qui est demandé, sans savoir par qui.", invoke_without_command=True
)

Order = Callable[[QueryCounts], int]
TABLES: tuple[tuple[str, str, Order], ...] = (
    ("frequent", "les plus demandées", lambda one: one.askings),
    ("zero", "sans aucune réponse", lambda one: one.zero),
    (
        "abandoned",
        "suivies d'une autre dans l'heure, sans regarder plus loin",
        lambda one: one.abandoned,
    ),
)
"""Name for programs, title for people, and count that must not be 0 for a query to be listed."""
_KINDS = {"search": "documents", "experts": "qui sait"}


@journal_app.callback()
def journal(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, help="Tant de jours en arrière")] = 30,
    limit: Annotated[int, typer.Option(min=1, help="Tant de questions par liste")] = 20,
    as_json: AsJson = False,
) -> None:
    """Les questions fréquentes, sans réponse, abandonnées ; combien restent cachées."""
    if context.invoked_subcommand is not None:
        return
    with opened_state(Opening.READ) as (settings, database):
        audit_command(open_privacy(settings, database), "quisait journal")
        query_log = open_query_log(settings, database, SqlDirectory(database))
        counts = query_log.counts(now(), days, close=False)
    if as_json:
        print_json(report_body(counts, days, limit))
    else:
        print(report_text(counts, settings, days, limit))


@journal_app.command()
def purge() -> None:
    """Efface tout le journal, le sel d'abord."""
    with opened_state(Opening.WRITE) as (settings, database):
        gone = open_query_log(settings, database, SqlDirectory(database)).purge()
    print(f"Journal effacé : {gone} lignes.")


def report_body(counts: Sequence[QueryCounts], days: int, limit: int) -> dict[str, Any]:
    """Return the report for programs."""
    others = asdict(hidden_queries(counts))
    return {
        "days": days,
        "least_askers": MIN_ASKERS,
        "askings": sum(count.askings for count in counts),
        **{name: [_body(o) for o in frequent_queries(counts, by, limit)] for name, _, by in TABLES},
        "hidden": {name: others[name] for name in ("queries", "askings", "zero", "abandoned")},
    }


def _body(counts: QueryCounts) -> dict[str, Any]:
    return {
        "text": counts.text,
        "asked_for": counts.asked_for,
        "askings": counts.askings,
        "zero": counts.zero,
        "abandoned": counts.abandoned,
        "mean_results": round(counts.results / counts.counted, 1) if counts.counted else None,
    }


def report_text(counts: Sequence[QueryCounts], settings: Settings, days: int, limit: int) -> str:
    """Return the report for people."""
    lines = [] if settings.journal.enabled else ["Le journal est éteint ([journal] enabled)."]
    askings = sum(count.askings for count in counts)
    lines.append(f"{askings} questions posées en {days} jours.")
    for _, title, order in TABLES:
        found = frequent_queries(counts, order, limit)
        if found:
            lines += ["", f"Questions {title} :"]
            lines += [
                f"{order(question):>7}  {question.text}  ({_KINDS[question.asked_for]})"
                for question in found
            ]
    others = hidden_queries(counts)
    lines += [
        "",
        f"Cachées : {others.queries} questions, posées {others.askings} fois, dont {others.zero} "
        f"sans réponse et {others.abandoned} abandonnées. Une question n'est montrée que si "
        f"{MIN_ASKERS} personnes l'ont posée dans la même période "
        f"({settings.journal.period_days} j), sans chiffre ni nom de l'annuaire.",
    ]
    return "\n".join(lines)
