"""Read answers and bounces from the mailbox, one mail after the other.

A mail is moved away after its content has been stored. If a worker dies before that, the mail is
read again, and its content is not stored twice.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from threading import Event

from connectors.mail.text import UnreadableMail
from quisait.application.assembly import Application
from quisait.clock import today
from quisait.settings import Settings, file_named
from quisait.work.mail import open_mailing
from quisait.work.questions import answer_context
from search_api.context import AnswerContext
from search_api.mail.imap import MailboxRules, MailboxUnreachable, WaitingMail, opened_mailbox
from search_api.mail.incoming import read_incoming
from search_api.mail.reply_addresses import ReplyAddresses
from search_api.questions.mailed_answers import MailOutcome, receive_mail

log = logging.getLogger(__name__)

MOST_OF_A_ROUND = 200
"""Maximum number of mails per round, oldest first, so that a flood does not delay a worker's other
tasks.
"""


def mailbox_rules(settings: Settings) -> MailboxRules:
    """Return how to reach the mailbox of the settings."""
    box = settings.mailbox
    return MailboxRules(
        box.host,
        box.port,
        box.security,
        box.user,
        box.password,
        file_named(box.ca_file),
        box.folder,
        box.done,
        box.aside,
    )


def read_mailbox(application: Application, stop: Event) -> Mapping[MailOutcome, int]:
    """Read the waiting mails; return their number by outcome, empty without a mailbox.

    Raises `ValueError` if the mailbox does not answer, or `IndexUnreachable`; the mails then stay
    in the mailbox.
    """
    mailing = open_mailing(application)
    if mailing is None or mailing.replies is None:
        return {}
    return read_mails(answer_context(application, mailing), application.settings, stop)


def read_mails(
    context: AnswerContext, settings: Settings, stop: Event
) -> Mapping[MailOutcome, int]:
    """Read the waiting mails with the services of `context`, which has replies by mail."""
    assert context.mail is not None and context.mail.replies is not None  # noqa: S101, PT018
    box, found = settings.mailbox, Counter[MailOutcome]()
    try:
        with opened_mailbox(mailbox_rules(settings)) as mailbox:
            for uid in mailbox.waiting(MOST_OF_A_ROUND):
                if stop.is_set():
                    break
                waiting = mailbox.read(uid, box.most_bytes)
                if waiting is None:  # another worker has moved it away
                    continue
                outcome = _receive(context, settings, context.mail.replies, waiting)
                mailbox.put_away(uid, aside=outcome in _ASIDE)
                found[outcome] += 1
            mailbox.erase_before(today() - timedelta(days=box.kept_days))
    except MailboxUnreachable as error:
        raise ValueError(f"Boîte des réponses : {error}.") from error
    if found:
        log.info("mails read", extra={one.value: count for one, count in found.items()})
    return found


_ASIDE = frozenset({MailOutcome.STRANGER, MailOutcome.UNREADABLE})
"""Outcomes that a person may want to look at: unknown sender addresses, malformed mails."""


def _receive(
    context: AnswerContext, settings: Settings, replies: ReplyAddresses, waiting: WaitingMail
) -> MailOutcome:
    try:
        mail = read_incoming(
            waiting.raw,
            replies,
            whole=waiting.whole,
            trusted_server=settings.mailbox.trusted_server,
        )
    except UnreadableMail:
        return MailOutcome.UNREADABLE
    return receive_mail(context, mail)


def check_mailbox(settings: Settings) -> str:
    """Connect, log in and open the folders, without reading mails. Raises `ValueError`."""
    try:
        with opened_mailbox(mailbox_rules(settings)) as mailbox:
            waiting = len(mailbox.waiting(MOST_OF_A_ROUND))
            return f"{settings.mailbox.host} répond ; courriels qui attendent : {waiting}"
    except MailboxUnreachable as error:
        raise ValueError(
            f"{error} : vérifiez [mailbox] host, port, security, user et folder"
        ) from error
