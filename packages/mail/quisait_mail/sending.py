"""Mail to agents: queue it, and send it by SMTP."""

import hashlib
import hmac
import logging
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from threading import Event

from indexer.errors import IndexerError
from quisait.application.assembly import Application
from quisait.clock import now, today
from quisait.features import additions_of
from quisait.settings import Settings, beside_file, file_named
from quisait.work.questions import answer_context
from quisait_mail.links import UnsubscribeLinks
from quisait_mail.rendering import BadAddress, written_message
from quisait_mail.service import mail_content
from quisait_mail.settings import MailSettings, sends_mail, shows_mails
from quisait_mail.shown_mails import ShownMails
from quisait_mail.smtp import (
    InDoubt,
    RefusedForGood,
    RefusedForNow,
    SmtpRules,
    SmtpSession,
    SmtpUnreachable,
    smtp_session,
)
from quisait_mail.storage import RECENT, Mailing, SqlMail
from quisait_mail.values import (
    DigestPace,
    MailAddition,
    MailPreferences,
    MailRules,
    MailState,
    QueuedMail,
)
from search_api.communities.service import unread_invitations
from search_api.context import AnswerContext, required

log = logging.getLogger(__name__)

_PURPOSE = b"quisait courriel"
"""Label with which the key of unsubscribe links is derived from the server's key."""
_SHOWN_FOLDER = "mails"
"""Folder of the demo's mails, in the settings' folder."""
NO_CODE = 0
"""SMTP code if no server refused the mail, but its address or the index failed."""


@dataclass(frozen=True, slots=True)
class SendReport:
    """Numbers of one round: messages that were queued, sent, and permanently refused."""

    queued: int = 0
    sent: int = 0
    refused: int = 0


def open_mailing(application: Application) -> Mailing | None:
    """Return the services for mail; None if mail or questions are disabled."""
    settings = application.settings
    if not sends_mail(settings):
        return None
    mail = settings.table(MailSettings)
    domain = mail.sender.rpartition("@")[2]
    site = settings.sign_on.address or f"http://{settings.server.host}:{settings.server.port}"
    return Mailing(
        SqlMail(application.database, now, domain, application.privacy.register),
        MailRules(site, domain, frozenset(mail.titled_entities)),
        UnsubscribeLinks(derived_key(settings, _PURPOSE)),
        additions_of(settings, MailAddition),
        ShownMails(beside_file(settings.folder) / _SHOWN_FOLDER) if shows_mails(settings) else None,
    )


def choose_all_mails(application: Application) -> None:
    """Make every agent of the demo want all mails, so that there is something to read."""
    mailing = open_mailing(application)
    if mailing is None:
        return
    for agent in application.book.everyone():
        if not agent.departed(today()):
            mailing.store.choose(agent.id, MailPreferences(digest=DigestPace.DAILY))


def derived_key(settings: Settings, purpose: bytes) -> bytes:
    """Return a key for one purpose, derived from the server's key."""
    return hmac.new(settings.server.token_key.encode(), purpose, hashlib.sha256).digest()


def smtp_rules(settings: Settings) -> SmtpRules:
    """Return how to reach the SMTP server of the settings."""
    mail = settings.table(MailSettings)
    return SmtpRules(
        mail.host,
        mail.port,
        mail.security,
        mail.user,
        mail.password,
        file_named(mail.ca_file),
        mail.sender.rpartition("@")[2],
    )


def send_mail(application: Application, stop: Event) -> SendReport:
    """Queue the mail that is due, and send as much as the limit allows; do nothing if mail is off.

    Raises `ValueError` if the server does not answer; the mail then stays queued.
    """
    context = answer_context(application)
    mailing = context.part(Mailing)
    if mailing is None:
        return SendReport()
    mailing.store.tidy()
    invited = unread_invitations(context, RECENT.days)
    queued = mailing.store.queue_due() + mailing.store.queue_invitations(invited)
    return send_queue(context, application.settings, stop, queued)


def send_queue(
    context: AnswerContext, settings: Settings, stop: Event, queued: int = 0
) -> SendReport:
    """Send the waiting mail over one connection. Raises `ValueError` like `send_mail`."""
    mailing = required(context.part(Mailing))
    store, shown = mailing.store, mailing.shown
    per_minute = settings.table(MailSettings).per_minute
    sent = refused = 0

    def allowed() -> bool:
        """Return whether one more mail may be sent in this minute."""
        minute_ago = store.now() - timedelta(minutes=1)
        return store.sent_since(minute_ago) < per_minute and not stop.is_set()

    first = store.claim() if allowed() else None
    if first is None:
        return SendReport(queued)
    try:
        with nullcontext(shown) if shown else smtp_session(smtp_rules(settings)) as session:
            one: QueuedMail | None = first
            while one is not None:
                state = _send_one(context, settings, session, one)
                sent += state is MailState.SENT
                refused += state is MailState.REFUSED
                one = store.claim() if allowed() else None
    except SmtpUnreachable as error:
        # A mail claimed but not begun is free again; a begun mail is already doubtful.
        store.put_back(first)
        raise ValueError(f"Courriel : {error}.") from error
    return SendReport(queued, sent, refused)


def _send_one(
    context: AnswerContext, settings: Settings, session: SmtpSession | ShownMails, one: QueuedMail
) -> MailState:
    """Write and send one message. Raises `SmtpUnreachable`.

    After that error, the message is free again, or doubtful if the connection broke while it was
    sent.
    """
    store, mail = required(context.part(Mailing)).store, settings.table(MailSettings)
    try:
        content = mail_content(context, one)
    except IndexerError:
        store.postpone(one, NO_CODE)
        return MailState.WAITING
    if content is None:
        store.drop(one)
        return MailState.DROPPED
    try:
        message = written_message(content, one, mail.sender, mail.sender_name, store.now())
        if not session.send(message, lambda: store.begin_sending(one), content.bounces_to):
            return MailState.WAITING  # its lease has expired: another worker has it
    except BadAddress:
        store.refuse(one, NO_CODE, content.to)
        return MailState.REFUSED
    except RefusedForGood as error:
        store.refuse(one, error.code, content.to if error.of_address else "")
        log.warning("mail refused", extra={"code": error.code, "of_address": error.of_address})
        return MailState.REFUSED
    except RefusedForNow as error:
        store.postpone(one, error.code)
        return MailState.WAITING
    except InDoubt as error:
        store.in_doubt(one)
        log.warning("mail in doubt")
        raise SmtpUnreachable("le serveur a coupé pendant un envoi") from error
    except SmtpUnreachable:
        store.put_back(one)
        raise
    store.sent(one)
    return MailState.SENT


def mail_state(application: Application) -> str:
    """Return numbers of waiting and sent mail. Raises `ValueError` if a person has to act."""
    mailing = open_mailing(application)
    if mailing is None:
        return "éteint"
    counts = mailing.store.counts()
    said = (
        f"en attente : {counts.of(MailState.WAITING)}, envoyés en trente jours : "
        f"{counts.of(MailState.SENT)}, adresses refusées : {counts.refused_addresses}"
    )
    if doubtful := counts.of(MailState.DOUBTFUL):
        raise ValueError(
            f"{said}, en doute : {doubtful}. Coupés pendant un envoi, ils sont peut-être partis : "
            "« quisait mail resend » les envoie de nouveau"
        )
    if failed := counts.of(MailState.FAILED):
        raise ValueError(f"{said}, abandonnés : {failed}. Voyez le journal du serveur de courriel")
    return said


def check_server(settings: Settings) -> str:
    """Connect and log in without sending anything. Raises `ValueError`."""
    mail = settings.table(MailSettings)
    try:
        with smtp_session(smtp_rules(settings)):
            secured = "sans chiffrement" if mail.security == "none" else "en TLS"
            return f"{mail.host} répond, {secured}"
    except SmtpUnreachable as error:
        raise ValueError(f"{error} : vérifiez [mail] host, port, security et user") from error
