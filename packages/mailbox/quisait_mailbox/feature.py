"""Declares answers by mail: their settings, task, checks and command."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from quisait.features import Feature, SettingsPart, Task

if TYPE_CHECKING:
    from quisait.application.assembly import Application
    from quisait.settings import Settings

MAILBOX = "@boite"
"""Name of the task that reads answers by mail and bounces. It is separate from sending, because
either server may be down.
"""


def _require(settings: Settings) -> None:
    """Require that questions are sent by mail, because mail answers them."""
    from quisait_mail.settings import MailSettings

    from quisait_mailbox.settings import MailboxSettings

    box = settings.table(MailboxSettings)
    if box.host and not (settings.table(MailSettings).host and settings.questions.enabled):
        raise ValueError(
            "[mailbox] host demande [mail] host et [questions] enabled : on y répond aux "
            "courriels qui posent une question"
        )


def _additions(settings: Settings) -> Iterator[object]:
    from quisait_mailbox.mailed_answers import answers_by_mail
    from quisait_mailbox.receiving import reply_addresses
    from quisait_mailbox.settings import MailboxSettings

    if settings.table(MailboxSettings).host:
        yield answers_by_mail(reply_addresses(settings))


def _tasks(application: Application) -> Iterator[Task]:
    from quisait.work.runs import pace_of
    from quisait_mailbox.receiving import read_mailbox
    from quisait_mailbox.settings import MailboxSettings

    if application.settings.table(MailboxSettings).host:
        pace = pace_of(application.settings, "1 min")
        yield Task(MAILBOX, pace, lambda _held, stop: sum(read_mailbox(application, stop).values()))


def _checks(settings: Settings) -> Mapping[str, Callable[[], str]]:
    from quisait_mailbox.settings import MailboxSettings

    if not settings.table(MailboxSettings).host:
        return {}
    from quisait_mailbox.receiving import check_mailbox

    return {"boîte des réponses": partial(check_mailbox, settings)}


def _tls_servers(settings: Settings) -> Iterator[tuple[str, int]]:
    from quisait_mailbox.settings import MailboxSettings

    box = settings.table(MailboxSettings)
    if box.host and box.security == "tls":
        yield box.host, box.port


def _report(settings: Settings) -> Mapping[str, Sequence[str]]:
    from quisait_mailbox.settings import MailboxSettings

    box = settings.table(MailboxSettings)
    if not box.host:
        return {}
    return {
        "data": (
            "Réponses par courriel : les courriels reçus, avec leur auteur et leur texte, dans la "
            "boîte qui ne sert qu'à cela ; la réponse publiée, sans pièce jointe.",
        ),
        "recipients": (
            f"Serveur de courriel {box.host} : la boîte des réponses, lue par quisait.",
        ),
        "periods": (
            f"Courriels reçus : effacés de la boîte {box.kept_days} jours après leur arrivée, "
            "réponses et messages écartés.",
        ),
    }


FEATURE = Feature(
    name="mailbox",
    settings=(SettingsPart("mailbox", "quisait_mailbox.settings:MailboxSettings"),),
    require=_require,
    additions=_additions,
    tasks=_tasks,
    checks=_checks,
    tls_servers=_tls_servers,
    report=_report,
    commands={
        "mail receive": (
            "quisait_mailbox.command:receive",
            "Lit la boîte des réponses et des avis de non-remise ; « quisait run » s'en charge.",
        )
    },
)
