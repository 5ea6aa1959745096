"""`quisait scans`: recognise the text of scanned documents, and show the progress."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from threading import Event
from typing import Annotated

import typer

from indexer.scans import ScanState
from quisait.application.assembly import Application
from quisait.application.locks import hold_source_lock
from quisait.application.opening import Opening
from quisait.application.startup import opened_application
from quisait.clock import today
from quisait.commands.output import AsJson, print_json
from quisait.commands.run import run_interruptibly
from quisait.work.scans import ScanReport, read_scans
from quisait.work.worker import SCANS
from search_api.wording import plural

_OFF = "Aucun texte n'est reconnu ici : réglez [scans] enabled, puis « quisait crawl --full »."
_STATES = {
    ScanState.WAITING: "en attente",
    ScanState.READ: "reconnus",
    ScanState.NO_TEXT: "sans texte",
    ScanState.UNREADABLE: "illisibles",
}


@dataclass(frozen=True, slots=True)
class ScansStatus:
    """Pages read today and the daily limit; number of scanned documents by source and state."""

    pages_today: int
    pages_per_day: int
    sources: Mapping[str, Mapping[str, int]]


def scans_status(application: Application) -> ScansStatus:
    """Return the status of the settings' sources that have scanned documents."""
    counts = {one.name: application.scans.counts(one.name) for one in application.settings.sources}
    return ScansStatus(
        application.scans.pages_of(today()),
        application.settings.scans.pages_per_day,
        {
            source: {str(k): v for k, v in found.items()}
            for source, found in counts.items()
            if found
        },
    )


def scans(
    read: Annotated[
        bool,
        typer.Option(
            "--read",
            help="Reconnaître ce qui attend, dans la limite du jour ; « quisait run » s'en charge",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Où en est le texte des documents numérisés, et le reconnaître."""
    with opened_application(Opening.WRITE if read else Opening.READ) as application:
        report = None
        if not application.settings.scans.enabled:
            raise ValueError(_OFF)
        if read:

            def work(stop: Event) -> ScanReport:
                with hold_source_lock(application.locks, SCANS):
                    return read_scans(application, stop, round_s=None)

            report = run_interruptibly(application, work)
        status = scans_status(application)
    if as_json:
        print_json({**asdict(status), "read": report})
    else:
        print("\n".join([*(_report_lines(report) if report else ()), *_lines(status)]))
    raise typer.Exit(1 if report and report.away else 0)


def _report_lines(report: ScanReport) -> Iterator[str]:
    yield plural("{num} page lue", "{num} pages lues", report.pages) + (
        f", essais sans succès : {report.failed}" if report.failed else ""
    )
    if report.ended.get(ScanState.READ):
        yield "Lancez « quisait crawl » : il rend trouvables les documents reconnus."
    if report.budget_spent:
        yield "Le budget du jour ([scans] pages_per_day) est épuisé : la suite attend demain."
    yield from report.away


def _lines(status: ScansStatus) -> Iterator[str]:
    yield f"Pages lues aujourd'hui : {status.pages_today} sur {status.pages_per_day}"
    for source, counts in sorted(status.sources.items()):
        told = (f"{_STATES[ScanState(state)]} : {count}" for state, count in sorted(counts.items()))
        yield f"{source} : {', '.join(told)}"
    if not status.sources:
        yield "Aucun document numérisé n'est connu : « quisait crawl --full » les cherche."
