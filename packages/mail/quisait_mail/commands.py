"""`quisait mail`: the queue of mail to agents, without texts or names."""

from threading import Event

import typer

from quisait.application.opening import Opening
from quisait.application.startup import opened_application
from quisait.commands.run import run_interruptibly
from quisait_mail.sending import mail_state, open_mailing, send_mail
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
