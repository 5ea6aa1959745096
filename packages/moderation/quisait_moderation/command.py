"""`quisait questions reports`: the number of reported texts that wait for a decision."""

from quisait.application.assembly import Application
from quisait.application.opening import Opening
from quisait.application.startup import opened_application
from quisait.work.questions import answer_context
from quisait_moderation.service import waiting_reports
from search_api.wording import day


def reports() -> None:
    """Combien de textes signalés attendent, et s'il faut que quelqu'un s'en occupe."""
    with opened_application(Opening.READ) as application:
        if not application.settings.questions.enabled:
            raise ValueError("Aucune question n'est posée ici : réglez [questions] enabled.")
        print(f"Signalements : {reports_state(application)}.")


def reports_state(application: Application) -> str:
    """Return how many reported texts wait. Raises `ValueError` if someone has to act.

    Somebody has to act if no role in the settings can decide on a report, or if a report has waited
    for longer than an agent has to answer.
    """
    found = waiting_reports(answer_context(application))
    if not found.texts or found.oldest is None:
        return "aucun n'attend"
    said = f"textes signalés qui attendent : {found.texts}, depuis le {day(found.oldest)}"
    if found.nobodys:
        raise ValueError(
            f"{said} ; que personne ne peut modérer : {found.nobodys}. Donnez le rôle « animator » "
            "sur leur sujet ou leur service ([[roles]]) à quelqu'un qui peut les lire"
        )
    if found.late:
        raise ValueError(
            f"{said} ; depuis trop longtemps : {found.late}. Prévenez qui anime leur sujet, ou "
            "donnez ce rôle à quelqu'un d'autre ([[roles]])"
        )
    return said
