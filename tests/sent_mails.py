"""Mails of an administration where questions are asked, through a real SMTP server."""

from email.message import EmailMessage
from threading import Event
from typing import Any

from quisait_mail.sending import SendReport, send_queue
from quisait_mail.storage import Mailing, SqlMail

from quisait.settings import Settings
from search_api.context import required
from tests.pages.asking_site import SITE, AskingSite
from tests.smtp_server import SmtpServer


def settings_for(post: SmtpServer, **mail: Any) -> Settings:
    return Settings.model_validate(
        {
            "mail": post.settings | mail,
            "sign_on": {"address": SITE},
            "server": {"token_key": "k" * 32},
        }
    )


def store_of(site: AskingSite) -> SqlMail:
    return required(site.services.part(Mailing)).store


def choose(site: AskingSite, agent: str, **said: Any) -> None:
    path = "/api/v1/mail/preferences"
    assert site.client(agent).post(path, json=said).status_code == 204


def send(site: AskingSite, post: SmtpServer, **mail: Any) -> SendReport:
    queued = store_of(site).queue_due()
    return send_queue(site.services, settings_for(post, **mail), Event(), queued)


def received(post: SmtpServer) -> list[tuple[str, str]]:
    """(to, everything that the message says) of each."""
    return [(str(one["To"]), whole(one)) for one in post.handler.accepted]


def whole(message: EmailMessage) -> str:
    heads = "\n".join(f"{name}: {value}" for name, value in message.items())
    return heads + "".join(part(message, kind) for kind in ("plain", "html"))


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")
