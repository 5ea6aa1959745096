"""Assemble the server from the settings."""

import gc
import hashlib
import hmac
import os
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from secrets import token_bytes
from threading import Thread
from urllib.parse import urlsplit

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from threadpoolctl import threadpool_limits

from connectors.options import LOOPBACK
from indexer.access import NOBODY, access_filter
from indexer.errors import IndexRefused, IndexUnreachable
from indexer.ports import IndexReader
from indexer.values import Question, SearchRequest
from quisait.application.assembly import (
    Application,
    open_overview,
)
from quisait.application.sign_on import (
    open_readers,
    open_sign_on,
)
from quisait.application.sources import FolderOriginals, join_rules
from quisait.clock import now, now_s, today
from quisait.features import installed_features
from quisait.privacy.retention import audit_command
from quisait.server.metrics import metrics_app, metrics_router, registry_of
from quisait.settings import Settings, beside_file
from quisait.work.administration import ApplicationAdministration
from quisait.work.edited_tables import EditedFiles
from quisait.work.questions import answer_parts
from quisait.work.source_status import directory_reading
from search_api.administration.system_status import Administration
from search_api.app import ReaderOf, Services, create_app
from search_api.audit.descriptions import ANY_AGENT
from search_api.communities.storage import SqlCommunityPages
from search_api.features import WebFeature
from search_api.identity.tokens import CompletedReaders, DemoReaders, SignedTokens
from search_api.limits import ConcurrencyLimiter, RateLimiter, RequesterKind, RequestTimeouts
from search_api.middleware.metrics import MetricsMiddleware, request_metrics
from search_api.query_log.recording import BackgroundQueryLog, NoQueryLog, QueryLog
from search_api.server import serving
from search_api.services import DemoPerson
from search_api.sign_on.identification import SignOn

BLAS_THREADS = "OPENBLAS_NUM_THREADS"
"""Variable by which an administrator sets the number of threads of a matrix product."""


YOUNG_OBJECTS = 50_000
"""Number of new objects after which garbage is collected. An answer creates thousands of objects,
of which few stay: a collection after every 700 objects, Python's default, would take a tenth of the
answer's time (`python -m benchmarks.search`).
"""


def warm_up(in_memory: IndexReader | None) -> None:
    """Load the index and freeze it for the garbage collector, once, before a process serves.

    From then on, matrix products use one thread, because the products of a question are so small
    that, on busy cores, threads wait for each other longer than they compute (`python -m
    benchmarks.load readers`). Requests already run in parallel.

    `in_memory` is an index in this process, None with OpenSearch. Garbage collection of an index in
    memory delays a request by a tenth of a second or more (`python -m benchmarks.experts_latency`).
    An index that cannot be read is not an error here, because the pages report it.
    """
    if BLAS_THREADS not in os.environ:
        threadpool_limits(1, user_api="blas")
    if in_memory is not None:
        with suppress(IndexUnreachable, IndexRefused):
            in_memory.search(SearchRequest(access_filter(NOBODY), Question(), window=1))
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def own_hosts(settings: Settings, sign_on: SignOn | None = None) -> frozenset[str]:
    """Return the hosts that requests may name; an IP address among them is harmless."""
    known = {*settings.door.hosts, settings.server.host, settings.metrics.host}
    known |= {urlsplit(sign_on.address).hostname or ""} if sign_on else set()
    return frozenset(filter(None, known))


def rate_limiter_of(settings: Settings) -> RateLimiter:
    """Return one server's share of the settings' rate limits."""
    door = settings.door
    return RateLimiter(
        {
            RequesterKind.READER: share_of(door.reader_per_minute, door.servers),
            RequesterKind.TOKEN: share_of(door.token_per_minute, door.servers),
            RequesterKind.ADDRESS: share_of(door.address_per_minute, door.servers),
        }
    )


def share_of(limit: int, servers: int) -> int:
    """Return one server's share of a common limit, at least 1.

    A limit of 0, which means no limit, stays 0.
    """
    return max(1, limit // servers) if limit else 0


def concurrency_limiter_of(settings: Settings) -> ConcurrencyLimiter:
    """Return one server's share of the limit on a reader's concurrent questions."""
    door = settings.door
    return ConcurrencyLimiter(questions=share_of(door.reader_questions, door.servers))


def servers(
    application: Application, pages: bool, host: str = "", port: int = 0
) -> list[AbstractContextManager[Thread]]:
    """Return the servers of this process: the pages, and the metrics if they have their own port.

    Raises `ValueError` for a demonstration that listens beyond loopback or cannot be written to the
    audit log, for metrics beyond loopback without a token, and for a weak key.
    """
    registry = registry_of(application)
    found: list[AbstractContextManager[Thread]] = []
    if pages:
        query_log = (
            BackgroundQueryLog(application.journal, now)
            if application.settings.journal.enabled
            else None
        )
        if query_log:
            found.append(query_log.writing())
        found.append(_pages(application, registry, host, port, query_log or NoQueryLog()))
    metrics = application.settings.metrics
    if metrics.port:
        if metrics.host not in LOOPBACK and not metrics.token:
            raise ValueError(
                "Hors boucle locale, les mesures demandent un jeton : réglez [metrics] token, ou "
                '[metrics] host = "127.0.0.1".'
            )
        found.append(
            serving(
                metrics_app(application, registry, own_hosts(application.settings)),
                metrics.host,
                metrics.port,
            )
        )
    return found


def _pages(
    application: Application, registry: CollectorRegistry, host: str, port: int, query_log: QueryLog
) -> AbstractContextManager[Thread]:
    server = application.settings.server
    address = host or server.host
    if server.reader == "demo" and address not in LOOPBACK:
        raise ValueError(
            "En démonstration, chacun choisit qui il est : quisait n'écoute alors que sur "
            '127.0.0.1. Réglez [server] reader = "token" pour servir au-delà.'
        )
    if server.reader == "demo":  # a demonstration may run on real data
        audit_command(application.privacy, "quisait serve", ANY_AGENT)
    app = app_of(application, query_log)
    app.add_middleware(MetricsMiddleware, metrics=request_metrics(registry))
    if token := application.settings.metrics.token:
        app.include_router(metrics_router(registry, token))
    return serving(app, address, port or server.port, application.settings.door.proxies)


def app_of(application: Application, query_log: QueryLog) -> FastAPI:
    """Return the web application with the services of an `Application`."""
    settings = application.settings
    demo = settings.server.reader == "demo"
    sign_on = None if demo else open_sign_on(settings, application.database, application.book)
    community_pages = SqlCommunityPages(application.database, now)
    administration = ApplicationAdministration(application)
    return create_app(
        Services(
            application.search,
            application.book,
            reader_of=CompletedReaders(_reader_of(application, sign_on), application.authorities),
            today=today,
            demo=demo,
            demo_people=tuple(
                DemoPerson(one.agent, one.role, one.story)
                for one in (settings.server.demo_people if demo else ())
            ),
            overview=open_overview(application),
            query_log=query_log,
            origins=frozenset(settings.embed.origins),
            grants=application.privacy.grants,
            audit=application.privacy.audit,
            sign_on=sign_on,
            theme=theme_of(settings),
            contact=settings.pages.contact,
            notice_key=notice_key_of(settings),
            hosts=own_hosts(settings, sign_on),
            rate_limiter=rate_limiter_of(settings),
            concurrency_limiter=concurrency_limiter_of(settings),
            timeouts=RequestTimeouts(settings.door.body_s, settings.door.answer_s),
            consent=application.privacy.consent,
            join_rules=partial(join_rules, settings),
            mention_counts=application.journal.mention_counts if settings.journal.enabled else None,
            closed_communities=community_pages.closed,
            originals=FolderOriginals(settings, application.known, application.state),
            scans=application.scans,
            parts=(
                *answer_parts(application),
                Administration(
                    administration,
                    EditedFiles(settings),
                    administration.read_soon,
                    administration.read_again,
                    partial(directory_reading, settings, application.database),
                ),
                application.privacy.favourites,
                community_pages,
            ),
            features=web_features(application),
        )
    )


def web_features(application: Application) -> tuple[WebFeature, ...]:
    """Return what installed features add to pages and API."""
    added = (feature.web(application) for feature in installed_features())
    return tuple(one for one in added if one is not None)


def theme_of(settings: Settings) -> Path | None:
    """Return the folder of the pages' theme. Raises `ValueError` if it has no `theme.css`."""
    if not settings.pages.theme:
        return None
    folder = beside_file(settings.pages.theme)
    if not (folder / "theme.css").is_file():
        raise ValueError(
            f"{folder} ne contient pas de « theme.css » : réglez [pages] theme, ou videz-le."
        )
    return folder


def _reader_of(application: Application, sign_on: SignOn | None) -> ReaderOf:
    server = application.settings.server
    if server.reader == "demo":
        signed = SignedTokens(server.token_key) if server.token_key else None

        def agent_of(token: str) -> str | None:
            return signed.agent_id(token, now_s()) if signed else None

        return DemoReaders(application.book, server.demo_agent, today, agent_of)
    tokens = tokens_of(application.settings)
    return open_readers(application.settings, sign_on, application.book, tokens)


def notice_key_of(settings: Settings) -> bytes:
    """Return the key that signs notices: the same in all servers with the same token key."""
    key = settings.server.token_key.encode() or token_bytes(32)
    return hmac.new(key, b"quisait notices", hashlib.sha256).digest()


def tokens_of(settings: Settings) -> SignedTokens:
    """Return the signed tokens. Raises `ValueError` if the key is missing or too short."""
    return SignedTokens(settings.server.token_key)
