"""A mailbox reader that ends itself, in a process of its own.

At the point `ask` a question is asked by mail. At each of `POINTS` the reader of the mailbox kills
itself; without a point it reads all and prints what stands.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

from quisait_mail.sending import send_queue
from quisait_mail.storage import Mailing, SqlMail
from quisait_mailbox.imap import ReplyMailbox
from quisait_mailbox.mailed_answers import answers_by_mail
from quisait_mailbox.receiving import read_mails
from quisait_mailbox.reply_addresses import ReplyAddresses
from quisait_mailbox.settings import MailboxSettings

from quisait.settings import Settings
from search_api.context import required
from search_api.questions.storage import SqlQuestions
from tests.pages.asking_site import ASKER, MAPPER, AskingSite, asking_site

POINTS = ("answer", "kept", "noted", "moved")
"""Before and after the answer is kept; once its note is queued; once the mail is moved."""


def killed_at(point: str) -> Any:
    """The step of the product at which the process ends, before or after it is done."""
    of: dict[str, tuple[type, str, bool]] = {
        "answer": (SqlQuestions, "answer", False),
        "kept": (SqlQuestions, "answer", True),
        "noted": (SqlMail, "queue_note", True),
        "moved": (ReplyMailbox, "put_away", True),
    }
    owner, name, after = of[point]
    step: Callable[..., Any] = getattr(owner, name)

    def dying(*arguments: Any, **named: Any) -> Any:
        if after:
            step(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return patch.object(owner, name, dying)


def ask(site: AskingSite, settings: Settings) -> None:
    said = {"asked": True}
    assert site.client(MAPPER).post("/api/v1/mail/preferences", json=said).status_code == 204
    site.ask(to=MAPPER)
    send(site, settings)


def send(site: AskingSite, settings: Settings) -> None:
    required(site.services.part(Mailing)).store.queue_due()
    send_queue(site.services, settings, Event())


def main(folder: str, written: str, point: str) -> None:
    settings = Settings(**json.loads(written))
    with asking_site(Path(folder)) as made:
        mail = made.services.part(Mailing)
        assert mail is not None
        replies = ReplyAddresses(b"r" * 32, settings.table(MailboxSettings).address, 30)
        answered = replace(mail, additions=(answers_by_mail(replies),))
        site = replace(made, services=made.services.with_parts(answered))
        if point == "ask":
            ask(site, settings)
        elif point:
            with killed_at(point):
                read_mails(site.services, replies, settings, Event())
        else:
            found = read_mails(site.services, replies, settings, Event())
            send(site, settings)
            threads = site.questions.of_asker(ASKER)
            texts = [one.text for thread in threads for one in thread.answers]
            sys.stdout.write(json.dumps({"read": sum(found.values()), "answers": texts}))
