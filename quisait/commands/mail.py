"""`quisait mail`: the queue of mail to agents, without texts or names."""

from collections.abc import Mapping
from threading import Event

import typer

from quisait.application.opening import Opening
from quisait.application.startup import opened_application
from quisait.commands.run import run_interruptibly
from quisait.work.mail import mail_state, open_mailing, send_mail
from quisait.work.mailbox import read_mailbox
from search_api.questions.mailed_answers import NOTES, MailOutcome
from search_api.wording import plural

mail_app = typer.Typer(
    help="Le courriel aux agents : ce qui attend, et l'envoi.", no_args_is_help=True
)

_OFF = "Aucun courriel n'est envoyé d'ici : réglez [mail] host et [questions] enabled."


@mail_app.command("status")
def status() -> None:
    """Combien de messages attendent, sont partis, ou demandent quelque chose."""
    with opened_application(Opening.READ) as application:
        if open_mailing(application) is None:
            raise ValueError(_OFF)
        print(mail_state(application))


@mail_app.command("send")
def send() -> None:
    """Envoie ce qui est dû, dans la limite d'une minute ; « quisait run » s'en charge."""
    with opened_application(Opening.WRITE) as application:
        if open_mailing(application) is None:
            raise ValueError(_OFF)

        def work(stop: Event) -> str:
            done = send_mail(application, stop)
            refused = f", refusés : {done.refused}" if done.refused else ""
            return f"Mis en attente : {done.queued}, envoyés : {done.sent}{refused}."

        print(run_interruptibly(application, work))


@mail_app.command("receive")
def receive() -> None:
    """Lit la boîte des réponses et des avis de non-remise ; « quisait run » s'en charge."""
    with opened_application(Opening.WRITE) as application:
        if not application.settings.mailbox.host or open_mailing(application) is None:
            raise ValueError("Aucun courriel n'est lu ici : réglez [mailbox] host.")

        def work(stop: Event) -> str:
            return _received_text(read_mailbox(application, stop))

        print(run_interruptibly(application, work))


def _received_text(found: Mapping[MailOutcome, int]) -> str:
    if not found:
        return "Aucun courriel n'attendait."
    published = sum(count for one, count in found.items() if one.published)
    told = sum(count for one, count in found.items() if one in NOTES and not one.published)
    bounced, automatic = found.get(MailOutcome.BOUNCED, 0), found.get(MailOutcome.AUTOMATIC, 0)
    aside = found.get(MailOutcome.STRANGER, 0) + found.get(MailOutcome.UNREADABLE, 0)
    parts = (
        ("réponses publiées", published),
        ("réponses refusées, avec un courriel à leur auteur", told),
        ("avis de non-remise", bounced),
        ("messages automatiques, laissés", automatic),
        ("courriels d'inconnus ou illisibles, mis de côté", aside),
        ("déjà publiées", found.get(MailOutcome.AGAIN, 0)),
        ("d'agents partis", found.get(MailOutcome.GONE, 0)),
    )
    return (
        f"Courriels lus : {sum(found.values())}"
        + "".join(f" ; {said} : {count}" for said, count in parts if count)
        + "."
    )


@mail_app.command("resend")
def resend() -> None:
    """Remet en attente ce qui fut coupé pendant un envoi : un agent peut le recevoir deux fois."""
    with opened_application(Opening.WRITE) as application:
        mailing = open_mailing(application)
        if mailing is None:
            raise ValueError(_OFF)
        count = mailing.store.send_doubtful_again()
    print(
        plural("{num} message attend de nouveau.", "{num} messages attendent de nouveau.", count)
        if count
        else "Aucun message n'est en doute."
    )
