"""The door as the settings have it: its names, its paces and its clocks."""

from urllib.parse import urlsplit

from quisait.settings import Settings
from search_api.door.at_once import AtOnce
from search_api.door.bounds import Bounds
from search_api.door.rates import Asker, Rates
from search_api.sign_on.place import SignOn


def own_names(settings: Settings, sign_on: SignOn | None = None) -> frozenset[str]:
    """The names that requests may come by; an address among them does no harm."""
    known = {*settings.door.hosts, settings.server.host, settings.metrics.host}
    known |= {urlsplit(sign_on.address).hostname or ""} if sign_on else set()
    return frozenset(filter(None, known))


def rates_of(settings: Settings) -> Rates:
    """How often one may ask, counted from now on."""
    door = settings.door
    return Rates(
        {
            Asker.READER: door.reader_per_minute,
            Asker.TOKEN: door.token_per_minute,
            Asker.ADDRESS: door.address_per_minute,
        }
    )


def at_once_of(settings: Settings) -> AtOnce:
    """How many requests of one reader are worked on at once."""
    return AtOnce(questions=settings.door.reader_questions)


def bounds_of(settings: Settings) -> Bounds:
    """How long a request may take."""
    return Bounds(settings.door.body_s, settings.door.answer_s)
