"""Declares mail to agents: settings, tables, task, checks, commands, pages and routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from quisait.features import Feature, SettingsPart, Task

if TYPE_CHECKING:
    import sqlalchemy as sa

    from quisait.application.assembly import Application
    from quisait.privacy.register import RegisterLine
    from quisait.settings import Settings
    from search_api.features import WebFeature

MAIL = "@courriel"
"""Name of the task that sends mail to agents."""


def _require(settings: Settings) -> None:
    """Require the pages' address and a token key for mail, because mails have signed links."""
    from quisait_mail.settings import MailSettings

    if not settings.table(MailSettings).host:
        return
    if not settings.sign_on.address:
        raise ValueError("[mail] host demande [sign_on] address : les courriels mènent aux pages")
    if len(settings.server.token_key.encode()) < 32:
        raise ValueError(
            "[mail] host demande [server] token_key, de 32 octets au moins : les liens de "
            "désinscription sont signés"
        )


def _tables() -> Sequence[sa.MetaData]:
    from quisait_mail.storage import metadata

    return (metadata,)


def _parts(application: Application) -> Iterator[object]:
    from quisait_mail.sending import open_mailing

    yield open_mailing(application)


def _tasks(application: Application) -> Iterator[Task]:
    from quisait.work.runs import pace_of
    from quisait_mail.sending import send_mail
    from quisait_mail.settings import sends_mail, shows_mails

    settings = application.settings
    if sends_mail(settings):
        pace = pace_of(settings, "5 s" if shows_mails(settings) else "1 min")
        yield Task(MAIL, pace, lambda _held, stop: send_mail(application, stop).sent)


def _checks(settings: Settings) -> Mapping[str, Callable[[], str]]:
    from quisait_mail.settings import MailSettings

    if not settings.table(MailSettings).host:
        return {}
    from quisait_mail.sending import check_server

    return {"courriel": partial(check_server, settings)}


def _shown_states(application: Application) -> Mapping[str, Callable[[], str]]:
    from quisait_mail.sending import mail_state
    from quisait_mail.settings import MailSettings, shows_mails

    settings = application.settings
    if not (settings.table(MailSettings).host or shows_mails(settings)):
        return {}
    return {"courriel": partial(mail_state, application)}


def _tls_servers(settings: Settings) -> Iterator[tuple[str, int]]:
    from quisait_mail.settings import MailSettings

    mail = settings.table(MailSettings)
    if mail.host and mail.security == "tls":
        yield mail.host, mail.port


def _report(settings: Settings) -> Mapping[str, Sequence[str]]:
    from quisait_mail.settings import MailSettings

    mail = settings.table(MailSettings)
    if not mail.host:
        return {"off": ("Courriel aux agents : éteint.",)}
    titled = ", ".join(mail.titled_entities) or "aucun"
    return {
        "data": (
            "Courriel : ce que chacun choisit de recevoir ; à qui, pourquoi et quand un message "
            "est parti, sans son texte ; adresses que le serveur a refusées.",
        ),
        "recipients": (
            f"Serveur de courriel {mail.host} : l'adresse des agents qui l'ont choisi, des titres "
            f"ouverts à tous et des liens ; un titre réservé, si un service le permet ({titled}).",
        ),
        "periods": (
            "Courriel : messages, trente jours après l'envoi ; choix, tant que l'agent est connu "
            "de l'annuaire, puis le même délai.",
        ),
    }


def _apply_choice(database: sa.Engine, line: RegisterLine) -> None:
    from quisait_mail.restoring import apply_choice

    apply_choice(database, line)


def _doubt(database: sa.Engine) -> None:
    from quisait_mail.storage import doubt_restored_mail

    doubt_restored_mail(database)


def _end_all(database: sa.Engine, agent_ids: Iterable[str]) -> None:
    from quisait_mail.restoring import end_all_mail

    end_all_mail(database, agent_ids)


def _prepare_demo(application: Application) -> None:
    from quisait_mail.sending import choose_all_mails

    choose_all_mails(application)


def _web(application: Application) -> WebFeature:
    from quisait_mail.sending import open_mailing
    from quisait_mail.web import mail_web

    return mail_web(open_mailing(application))


FEATURE = Feature(
    name="mail",
    settings=(SettingsPart("mail", "quisait_mail.settings:MailSettings"),),
    require=_require,
    tables=_tables,
    parts=_parts,
    tasks=_tasks,
    checks=_checks,
    shown_states=_shown_states,
    tls_servers=_tls_servers,
    report=_report,
    commands={
        "mail": (
            "quisait_mail.commands:mail_app",
            "Le courriel aux agents : ce qui attend, et l'envoi.",
        )
    },
    web=_web,
    register_lines={"mail": _apply_choice},
    restored=_doubt,
    withdraw_all=_end_all,
    prepare_demo=_prepare_demo,
)
