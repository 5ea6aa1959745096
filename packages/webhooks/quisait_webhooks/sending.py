"""Webhooks: queue events and send them to applications, signed as Standard Webhooks 1.0 says."""

import base64
import hashlib
import hmac
import logging
import time
from collections.abc import Sequence
from http import HTTPStatus
from threading import Event

import sqlalchemy as sa

from connectors.http_limits import HttpLimits
from connectors.ports import SourceError
from expertise.topics import Topic
from quisait.application.assembly import Application
from quisait.clock import now
from quisait.settings import Settings, beside_file, file_named
from quisait_webhooks.schemas import WebhookBody, WebhookSubjectBody
from quisait_webhooks.settings import WebhookSettings
from quisait_webhooks.storage import SqlWebhooks, WebhookEvent, WebhookKind
from search_api.addresses import question_address, topic_address

log = logging.getLogger(__name__)

ROUND_S = 20.0
"""Maximum time for one receiver in a round, in seconds, because the worker has other tasks."""
_LIMITS = HttpLimits(
    rate_per_s=0, timeout_s=10, total_timeout_s=10, max_wait_s=0, max_bytes=64 * 1024
)
_SECRET_BYTES = range(24, 65)


def queue_topic_changes(application: Application) -> int:
    """Queue the changes of the current build; call it before another build is published."""
    settings = application.settings
    store = _opened(application)
    names = _names(settings, WebhookKind.TOPIC)
    return store.queue_topics(names, application.builds) if names else 0


def send_webhooks(application: Application, stop: Event) -> int:
    """Queue new events and send events that are due, for each receiver; return how many were sent.

    If a receiver's secret cannot be read, raises `ValueError` after the other receivers were
    served.
    """
    settings, store = application.settings, _opened(application)
    for name in _names(settings, WebhookKind.ANSWERED):
        store.queue_answers(name)
    queue_topic_changes(application)
    store.tidy()
    sent, faults = 0, []
    for one in settings.tables(WebhookSettings):
        try:
            sent += deliver(store, one, settings.sign_on.address, stop)
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ValueError(faults[0])
    return sent


def webhooks_state(settings: Settings, database: sa.Engine) -> str:
    """Return the numbers of each receiver's events, in French. Raises `ValueError` if any fails."""
    said, well = [], True
    for one in settings.tables(WebhookSettings):
        read_secret(one)
        counts = SqlWebhooks(database, now).counts(one.name)
        line = f"{one.name} : en attente : {counts.waiting}, livrés en trente jours : {counts.sent}"
        if counts.failing:
            well = False
            why = f"a répondu {counts.code}" if counts.code else "ne prend rien"
            line += (
                f", abandonnés : {counts.failed} ; {one.url} {why} : vérifiez-la, chaque avis est "
                "réessayé pendant trois jours"
            )
        said.append(line)
    if not well:
        raise ValueError(" ; ".join(said))
    return " ; ".join(said)


def read_secret(one: WebhookSettings) -> bytes:
    """Return the receiver's secret. Raises `ValueError` if its file does not contain a secret."""
    try:
        written = beside_file(one.secret_file).read_text("utf-8").strip()
        secret = base64.b64decode(written.removeprefix("whsec_"), validate=True)
    except (OSError, ValueError):
        secret = b""
    if len(secret) not in _SECRET_BYTES:
        raise ValueError(
            f"[[webhooks]] {one.name} : le fichier secret_file ne se lit pas, ou n'a pas de 24 à "
            "64 octets en base64 : « openssl rand -base64 32 » en fait un"
        )
    return secret


def signed_headers(secret: bytes, id_: str, moment_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks 1.0 for one attempt."""
    signed = hmac.new(secret, f"{id_}.{moment_s}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "webhook-id": id_,
        "webhook-timestamp": str(moment_s),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def event_body(one: WebhookEvent, site: str) -> bytes:
    """Return the body: ids, kind, time and the page's address, without any restricted content."""
    if one.kind is WebhookKind.ANSWERED:
        path = question_address(one.subject)
    else:
        path = topic_address(Topic(one.subject, one.subject))
    told = WebhookBody(
        type=one.kind,
        timestamp=one.happened.replace(microsecond=0),
        data=WebhookSubjectBody(id=one.subject, url=f"{site}{path}"),
    )
    return told.model_dump_json().encode()


def _opened(application: Application) -> SqlWebhooks:
    """Return the outbox, after adding and deleting receivers according to the settings."""
    store = SqlWebhooks(application.database, now)
    stamp = application.builds.current()
    store.begin(
        (one.name for one in application.settings.tables(WebhookSettings)),
        stamp.id if stamp else "",
    )
    return store


def _names(settings: Settings, kind: WebhookKind) -> Sequence[str]:
    return [one.name for one in settings.tables(WebhookSettings) if kind.value in one.events]


def deliver(store: SqlWebhooks, receiver: WebhookSettings, site: str, stop: Event) -> int:
    """Send the receiver's events in order, until a failure shows that it accepts no events now.

    Return how many were sent. An event that the receiver refused (4xx) is tried again separately,
    without delaying other events. Raises `ValueError` if the secret cannot be read.
    """
    # Imported here: the HTTP client is loaded only if the settings ask for it.
    from connectors.http_host import HttpHost

    secret, until_s, sent = read_secret(receiver), time.monotonic() + ROUND_S, 0
    host = HttpHost(receiver.url, _LIMITS, file_named(receiver.ca_file), "Le destinataire")
    for one in store.waiting(receiver.name):
        if stop.is_set() or time.monotonic() > until_s:
            break
        moment = store.now()
        if one.due > moment:
            if one.code is None:  # the receiver could not answer, and is not due yet
                break
            continue
        body = event_body(one, site)
        headers = signed_headers(secret, one.id, int(moment.timestamp()), body)
        try:
            code = host.request("POST", receiver.url, data=body, headers=headers).status_code
        except SourceError as error:
            store.failed(one, None)
            fields = {"webhook": receiver.name, "error": type(error).__name__}
            log.warning("webhook not delivered", extra=fields)
            break
        if HTTPStatus.OK <= code < HTTPStatus.MULTIPLE_CHOICES:
            store.sent(one)
            sent += 1
        else:
            store.failed(one, code)
            log.warning("webhook refused", extra={"webhook": receiver.name, "code": code})
    return sent
