"""Read answers and bounces from the mailbox, one mail after the other.

A mail is moved away after its content has been stored. If a worker dies before that, the mail is
read again, and its content is not stored twice.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from threading import Event

from quisait_mail.sending import derived_key
from quisait_mail.storage import Mailing

from quisait.application.assembly import Application
from quisait.clock import today
from quisait.settings import Settings, file_named
from quisait.work.questions import answer_context
from quisait_mailbox.imap import MailboxRules, MailboxUnreachable, WaitingMail, opened_mailbox
from quisait_mailbox.incoming import read_incoming
from quisait_mailbox.mailed_answers import MailOutcome, receive_mail
from quisait_mailbox.reply_addresses import ReplyAddresses
from quisait_mailbox.settings import MailboxSettings
from quisait_mailbox.text import UnreadableMail
from search_api.context import AnswerContext

log = logging.getLogger(__name__)

_PURPOSE = b"quisait reponses"
"""Label with which the key of signed addresses is derived from the server's key."""
MOST_OF_A_ROUND = 200
"""Maximum number of mails per round, oldest first, so that a flood does not delay a worker's other
tasks.
"""


def reply_addresses(settings: Settings) -> ReplyAddresses:
    """Return the signed addresses of the mailbox of the settings."""
    box = settings.table(MailboxSettings)
    return ReplyAddresses(derived_key(settings, _PURPOSE), box.address, box.days)


def mailbox_rules(settings: Settings) -> MailboxRules:
    """Return how to reach the mailbox of the settings."""
    box = settings.table(MailboxSettings)
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
    settings, context = application.settings, answer_context(application)
    if context.part(Mailing) is None or not settings.table(MailboxSettings).host:
        return {}
    return read_mails(context, reply_addresses(settings), settings, stop)


def read_mails(
    context: AnswerContext, replies: ReplyAddresses, settings: Settings, stop: Event
) -> Mapping[MailOutcome, int]:
    """Read the waiting mails to addresses of `replies`, with the services of `context`."""
    box, outcomes = settings.table(MailboxSettings), Counter[MailOutcome]()
    try:
        with opened_mailbox(mailbox_rules(settings)) as mailbox:
            for uid in mailbox.waiting(MOST_OF_A_ROUND):
                if stop.is_set():
                    break
                waiting = mailbox.read(uid, box.most_bytes)
                if waiting is None:  # another worker has moved it away
                    continue
                outcome = _receive(context, replies, waiting, box.trusted_server)
                mailbox.put_away(uid, aside=outcome in _ASIDE)
                outcomes[outcome] += 1
            mailbox.erase_before(today() - timedelta(days=box.kept_days))
    except MailboxUnreachable as error:
        raise ValueError(f"Boîte des réponses : {error}.") from error
    if outcomes:
        counts = {outcome.value: count for outcome, count in outcomes.items()}
        log.info("mails read", extra=counts)
    return outcomes


_ASIDE = frozenset({MailOutcome.STRANGER, MailOutcome.UNREADABLE})
"""Outcomes that a person may want to look at: unknown sender addresses, malformed mails."""


def _receive(
    context: AnswerContext, replies: ReplyAddresses, waiting: WaitingMail, trusted_server: str
) -> MailOutcome:
    try:
        mail = read_incoming(
            waiting.raw, replies, whole=waiting.whole, trusted_server=trusted_server
        )
    except UnreadableMail:
        return MailOutcome.UNREADABLE
    return receive_mail(context, replies, mail)


def check_mailbox(settings: Settings) -> str:
    """Connect, log in and open the folders, without reading mails. Raises `ValueError`."""
    try:
        with opened_mailbox(mailbox_rules(settings)) as mailbox:
            waiting = len(mailbox.waiting(MOST_OF_A_ROUND))
            host = settings.table(MailboxSettings).host
            return f"{host} répond ; courriels qui attendent : {waiting}"
    except MailboxUnreachable as error:
        raise ValueError(
            f"{error} : vérifiez [mailbox] host, port, security, user et folder"
        ) from error
