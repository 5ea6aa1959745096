"""`quisait mail receive`."""

from collections.abc import Mapping
from threading import Event

from quisait_mail.sending import open_mailing

from quisait.application.opening import Opening
from quisait.application.startup import opened_application
from quisait.commands.run import run_interruptibly
from quisait_mailbox.mailed_answers import NOTES, MailOutcome
from quisait_mailbox.receiving import read_mailbox
from quisait_mailbox.settings import MailboxSettings


def receive() -> None:
    """Lit la boîte des réponses et des avis de non-remise ; « quisait run » s'en charge."""
    with opened_application(Opening.WRITE) as application:
        enabled = application.settings.table(MailboxSettings).host
        if not enabled or open_mailing(application) is None:
            raise ValueError("Aucun courriel n'est lu ici : réglez [mailbox] host.")

        def work(stop: Event) -> str:
            return _outcomes_text(read_mailbox(application, stop))

        print(run_interruptibly(application, work))


def _outcomes_text(outcomes: Mapping[MailOutcome, int]) -> str:
    if not outcomes:
        return "Aucun courriel n'attendait."
    published = sum(count for outcome, count in outcomes.items() if outcome.published)
    refused = sum(
        count for outcome, count in outcomes.items() if outcome in NOTES and not outcome.published
    )
    aside = outcomes.get(MailOutcome.STRANGER, 0) + outcomes.get(MailOutcome.UNREADABLE, 0)
    parts = (
        ("réponses publiées", published),
        ("réponses refusées, avec un courriel à leur auteur", refused),
        ("avis de non-remise", outcomes.get(MailOutcome.BOUNCED, 0)),
        ("messages automatiques, laissés", outcomes.get(MailOutcome.AUTOMATIC, 0)),
        ("courriels d'inconnus ou illisibles, mis de côté", aside),
        ("déjà publiées", outcomes.get(MailOutcome.AGAIN, 0)),
        ("d'agents partis", outcomes.get(MailOutcome.GONE, 0)),
    )
    return (
        f"Courriels lus : {sum(outcomes.values())}"
        + "".join(f" ; {label} : {count}" for label, count in parts if count)
        + "."
    )
