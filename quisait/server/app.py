"""The assembled application, served: pages, API and the metrics' own port."""

import gc
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from indexer.access import NOBODY, access_filter
from indexer.errors import IndexRefused, IndexUnreachable
from indexer.ports import IndexReader
from indexer.values import Question, SearchRequest
from quisait.application.assembly import Application, open_overview, open_push_reception
from quisait.application.oidc import now_s
from quisait.application.sign_on import open_readers, open_sign_on
from quisait.application.sources import join_rules
from quisait.commands.answers import today
from quisait.commands.privacy import audit_command
from quisait.privacy.query_log import background_query_log
from quisait.server.metrics import metrics_app, metrics_router, registry_of
from quisait.settings import Settings, beside_file
from quisait.work.administration import ApplicationAdministration
from search_api.app import ReaderOf, Services, create_app
from search_api.audit.descriptions import ANY_AGENT
from search_api.identity.tokens import CompletedReaders, DemoReaders, SignedTokens, TokenReaders
from search_api.limits import ConcurrencyLimiter, RateLimiter, RequesterKind, RequestTimeouts
from search_api.middleware.metrics import add_request_metrics, request_metrics
from search_api.query_log.recording import NoQueryLog, QueryLog
from search_api.server import serving
from search_api.sign_on.identification import SignOn


def warm_up(in_memory: IndexReader | None) -> None:
    """Load the index and freeze it for the garbage collector; once, before a process serves.

    `in_memory` is an index in this process, None where an engine holds it. A collection of an
    index in memory delays a request by a tenth of a second and more
    (`python -m benchmarks.experts_latency`). An index that cannot be read is not an error here:
    the pages report it.
    """
    if in_memory is not None:
        with suppress(IndexUnreachable, IndexRefused):
            in_memory.search(SearchRequest(access_filter(NOBODY), Question(), window=1))
    gc.collect()
    gc.freeze()


def own_hosts(settings: Settings, sign_on: SignOn | None = None) -> frozenset[str]:
    """The hosts that requests may name; an IP address among them does no harm."""
    known = {*settings.door.hosts, settings.server.host, settings.metrics.host}
    known |= {urlsplit(sign_on.address).hostname or ""} if sign_on else set()
    return frozenset(filter(None, known))


def rate_limiter_of(settings: Settings) -> RateLimiter:
    """The rate limits of the settings."""
    door = settings.door
    return RateLimiter(
        {
            RequesterKind.READER: door.reader_per_minute,
            RequesterKind.TOKEN: door.token_per_minute,
            RequesterKind.ADDRESS: door.address_per_minute,
        }
    )


def concurrency_limiter_of(settings: Settings) -> ConcurrencyLimiter:
    """The limit of the settings on one reader's concurrent questions."""
    return ConcurrencyLimiter(questions=settings.door.reader_questions)


def request_timeouts_of(settings: Settings) -> RequestTimeouts:
    """The timeouts of requests of the settings."""
    return RequestTimeouts(settings.door.body_s, settings.door.answer_s)


_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def servers(
    house: Application, pages: bool, host: str = "", port: int = 0
) -> list[AbstractContextManager[Thread]]:
    """The servers of this process: the pages, and the metrics' own port where there is one.

    Raises `ValueError` for a demo, or metrics without a token, beyond loopback, for a weak key,
    and for a demo that cannot be written to the audit.
    """
    registry = registry_of(house)
    found: list[AbstractContextManager[Thread]] = []
    if pages:
        query_log = background_query_log(house.journal) if house.settings.journal.enabled else None
        if query_log:
            found.append(query_log.writing())
        found.append(_pages(house, registry, host, port, query_log or NoQueryLog()))
    metrics = house.settings.metrics
    if metrics.port:
        if metrics.host not in _LOOPBACK and not metrics.token:
            raise ValueError(
                "Hors boucle locale, les mesures demandent un jeton : réglez [metrics] token, ou "
                '[metrics] host = "127.0.0.1".'
            )
        found.append(
            serving(
                metrics_app(house, registry, own_hosts(house.settings)), metrics.host, metrics.port
            )
        )
    return found


def _pages(
    house: Application, registry: CollectorRegistry, host: str, port: int, query_log: QueryLog
) -> AbstractContextManager[Thread]:
    server = house.settings.server
    address = host or server.host
    if server.reader == "demo" and address not in _LOOPBACK:
        raise ValueError(
            "En démonstration, chacun choisit qui il est : quisait n'écoute alors que sur "
            '127.0.0.1. Réglez [server] reader = "token" pour servir au-delà.'
        )
    if server.reader == "demo":  # whose house may be a real one
        audit_command(house.privacy, "quisait serve", ANY_AGENT)
    app = app_of(house, query_log)
    add_request_metrics(app, request_metrics(registry))
    if token := house.settings.metrics.token:
        app.include_router(metrics_router(registry, token))
    return serving(app, address, port or server.port, house.settings.door.proxies)


def app_of(house: Application, query_log: QueryLog) -> FastAPI:
    """The application over a house."""
    demo = house.settings.server.reader == "demo"
    sign_on = None if demo else open_sign_on(house.settings, house.database, house.book)
    return create_app(
        Services(
            house.search,
            house.book,
            reader_of=CompletedReaders(_reader_of(house, sign_on), house.authorities),
            today=today,
            demo=demo,
            push_receiver=open_push_reception(house),
            overview=open_overview(house),
            query_log=query_log,
            origins=frozenset(house.settings.embed.origins),
            grants=house.privacy.grants,
            audit=house.privacy.audit,
            sign_on=sign_on,
            theme=theme_of(house.settings),
            contact=house.settings.pages.contact,
            hosts=own_hosts(house.settings, sign_on),
            rate_limiter=rate_limiter_of(house.settings),
            concurrency_limiter=concurrency_limiter_of(house.settings),
            timeouts=request_timeouts_of(house.settings),
            consent=house.privacy.consent,
            join_rules=join_rules(house.settings),
            mention_counts=house.journal.mention_counts if house.settings.journal.enabled else None,
            administration=ApplicationAdministration(house),
        )
    )


def theme_of(settings: Settings) -> Path | None:
    """The folder of the pages' theme. Raises `ValueError` where it holds none."""
    if not settings.pages.theme:
        return None
    folder = beside_file(settings.pages.theme)
    if not (folder / "theme.css").is_file():
        raise ValueError(
            f"{folder} ne contient pas de « theme.css » : réglez [pages] theme, ou videz-le."
        )
    return folder


def _reader_of(house: Application, sign_on: SignOn | None) -> ReaderOf:
    server = house.settings.server
    if server.reader == "demo":
        return DemoReaders(house.book, server.demo_agent, today)
    tokens = tokens_of(house.settings)
    if sign_on:
        return open_readers(house.settings, sign_on, house.book, tokens)
    return TokenReaders(tokens, house.book, now_s, today)


def tokens_of(settings: Settings) -> SignedTokens:
    """The signed tokens. Raises `ValueError` where the key is missing or too short."""
    return SignedTokens(settings.server.token_key)
