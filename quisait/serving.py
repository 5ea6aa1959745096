"""The assembled application, served."""

from contextlib import AbstractContextManager
from pathlib import Path
from threading import Thread

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from quisait.administering import HouseAdministration
from quisait.assembly import House, join_rules, open_reception
from quisait.assembly.overviews import overview_of
from quisait.commands.answers import today
from quisait.commands.audit import by_command
from quisait.door import at_once_of, bounds_of, own_names, rates_of
from quisait.journaling import queued
from quisait.metrics import registry_of
from quisait.metrics_routes import metrics_app, metrics_router
from quisait.providing import now_s
from quisait.settings import Settings, beside_file
from quisait.signing_on import open_readers, open_sign_on
from quisait.work.running import run_house
from search_api.app import ReaderOf, Services, create_app
from search_api.audit.words import ANY_AGENT
from search_api.catalogue.loading import load_catalogue
from search_api.catalogue.texts import SOURCES, Catalogue
from search_api.identity.identify import CompletedReaders, DemoReaders, TokenReaders
from search_api.identity.tokens import Tokens
from search_api.journal.port import Journal, NoJournal
from search_api.measures import add_measures, request_measures
from search_api.serving import serving
from search_api.sign_on.place import SignOn

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def serve_house(house: House, host: str = "", port: int = 0) -> None:
    """Serve until told to stop. Raises `ValueError` as `run_house` does."""
    run_house(house, crawls=False, host=host, port=port)


def servers(
    house: House, pages: bool, host: str = "", port: int = 0
) -> list[AbstractContextManager[Thread]]:
    """The servers of this process: the pages, and the measures' own port where there is one.

    Raises `ValueError` for a demo or measures without a token beyond loopback, for a weak
    key, and for a demo that cannot be written in the audit.
    """
    registry = registry_of(house)
    found: list[AbstractContextManager[Thread]] = []
    if pages:
        journal = queued(house.journal) if house.settings.journal.enabled else None
        if journal:
            found.append(journal.writing())
        found.append(_pages(house, registry, host, port, journal or NoJournal()))
    metrics = house.settings.metrics
    if metrics.port:
        if metrics.host not in _LOOPBACK and not metrics.token:
            raise ValueError(
                "Hors boucle locale, les mesures demandent un jeton : réglez [metrics] token, ou "
                '[metrics] host = "127.0.0.1".'
            )
        found.append(
            serving(
                metrics_app(house, registry, own_names(house.settings)), metrics.host, metrics.port
            )
        )
    return found


def _pages(
    house: House, registry: CollectorRegistry, host: str, port: int, journal: Journal
) -> AbstractContextManager[Thread]:
    server = house.settings.server
    address = host or server.host
    if server.reader == "demo" and address not in _LOOPBACK:
        raise ValueError(
            "En démonstration, chacun choisit qui il est : quisait n'écoute alors que sur "
            '127.0.0.1. Réglez [server] reader = "token" pour servir au-delà.'
        )
    if server.reader == "demo":  # whose house may be a real one
        by_command(house.privacy, "quisait serve", ANY_AGENT)
    app = app_of(house, journal)
    add_measures(app, request_measures(registry))
    if token := house.settings.metrics.token:
        app.include_router(metrics_router(registry, token))
    return serving(app, address, port or server.port, house.settings.door.proxies)


def app_of(house: House, journal: Journal) -> FastAPI:
    """The application over a house."""
    demo = house.settings.server.reader == "demo"
    sign_on = None if demo else open_sign_on(house.settings, house.database, house.book)
    return create_app(
        Services(
            house.search,
            house.book,
            CompletedReaders(_reader_of(house, sign_on), house.authorities),
            today=today,
            demo=demo,
            reception=open_reception(house),
            overview=overview_of(house),
            journal=journal,
            origins=frozenset(house.settings.embed.origins),
            grants=house.privacy.grants,
            audit=house.privacy.audit,
            sign_on=sign_on,
            theme=theme_of(house.settings),
            catalogue=catalogue_of(house.settings),
            contact=house.settings.pages.contact,
            hosts=own_names(house.settings, sign_on),
            rates=rates_of(house.settings),
            at_once=at_once_of(house.settings),
            bounds=bounds_of(house.settings),
            consent=house.privacy.consent,
            join_rules=join_rules(house.settings),
            brought_up=house.journal.brought_up if house.settings.journal.enabled else None,
            administration=HouseAdministration(house),
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


def catalogue_of(settings: Settings) -> Catalogue:
    """The administration's own texts. Raises `ValueError` where they cannot be used."""
    if not settings.pages.catalogue:
        return SOURCES
    return load_catalogue(beside_file(settings.pages.catalogue))


def _reader_of(house: House, sign_on: SignOn | None) -> ReaderOf:
    server = house.settings.server
    if server.reader == "demo":
        return DemoReaders(house.book, server.demo_agent, today)
    tokens = tokens_of(house.settings)
    if sign_on:
        return open_readers(house.settings, sign_on, house.book, tokens)
    return TokenReaders(tokens, house.book, now_s, today)


def tokens_of(settings: Settings) -> Tokens:
    """Raises `ValueError` where the key is missing or too short."""
    return Tokens(settings.server.token_key)
