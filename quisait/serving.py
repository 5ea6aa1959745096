"""The assembled application, served."""

import time

from fastapi import FastAPI

from quisait.answers import today
from quisait.assembly import House
from quisait.settings import Settings
from search_api.app import ReaderOf, Services, create_app
from search_api.identify import DemoReaders, TokenReaders
from search_api.readers import Tokens
from search_api.serving import serve

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def serve_house(house: House, host: str = "", port: int = 0) -> None:
    """Serve until interrupted. Raises `ValueError` for a demo beyond loopback or a weak key."""
    server = house.settings.server
    address = host or server.host
    if server.reader == "demo" and address not in _LOOPBACK:
        raise ValueError(
            "En démonstration, chacun choisit qui il est : quisait n'écoute alors que sur "
            '127.0.0.1. Réglez [server] reader = "token" pour servir au-delà.'
        )
    serve(app_of(house), address, port or server.port)


def app_of(house: House) -> FastAPI:
    """The application over a house."""
    demo = house.settings.server.reader == "demo"
    return create_app(Services(house.search, house.book, _reader_of(house), today=today, demo=demo))


def _reader_of(house: House) -> ReaderOf:
    server = house.settings.server
    if server.reader == "demo":
        return DemoReaders(house.book, server.demo_agent, today)
    return TokenReaders(tokens_of(house.settings), house.book, lambda: int(time.time()), today)


def tokens_of(settings: Settings) -> Tokens:
    """Raises `ValueError` where the key is missing or too short."""
    return Tokens(settings.server.token_key)
