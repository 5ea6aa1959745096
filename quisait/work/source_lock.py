"""One crawl of a source at a time, wherever workers run; a crawl that dies lets go."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import sqlalchemy as sa

from connectors.errors import SourceRefused
from indexer.errors import LeaseLost
from indexer.leases import Leases
from quisait.work.owners import new_owner

log = logging.getLogger(__name__)

ASKED_AGAIN_EVERY_S = 0.2


class SourceBusy(SourceRefused):
    """Somebody else reads the source now."""


@dataclass(frozen=True, slots=True)
class Held:
    """The lease of a crawl that runs."""

    leases: Leases
    source: str
    owner: str

    def check(self) -> None:
        """Called before each write: make the lease last. Raises `LeaseLost`."""
        if not self.leases.renew(self.source, self.owner):
            raise LeaseLost(
                f"{self.source} : cette lecture est restée arrêtée trop longtemps, et une autre a "
                "pris sa place. Rien de plus n'a été écrit ; l'autre continue."
            )


@contextmanager
def only_crawl(leases: Leases, source: str, wait_s: float = 0) -> Iterator[Held]:
    """Hold the source's lease, renewed while the block runs.

    Raises `SourceBusy` where another crawl still holds it after `wait_s`.
    """
    held = Held(leases, source, new_owner())
    deadline = time.monotonic() + wait_s
    while not leases.take(source, held.owner):
        if time.monotonic() >= deadline:
            name = source.removeprefix("@")
            raise SourceBusy(
                f"{name} : une autre lecture de cette source est en cours. Attendez sa fin "
                "(« quisait sources » la montre), puis relancez si besoin."
            )
        time.sleep(ASKED_AGAIN_EVERY_S)
    done = threading.Event()
    heart = threading.Thread(target=_beat, args=(held, done), name=f"lease {source}", daemon=True)
    heart.start()
    try:
        yield held
    finally:
        done.set()
        heart.join()
        # A database that does not answer must not hide why the block ended.
        with suppress(sa.exc.SQLAlchemyError):
            leases.release(source, held.owner)


def _beat(held: Held, done: threading.Event) -> None:
    """Renew until the crawl is done; a lease once lost is not taken back."""
    while not done.wait(held.leases.lease_s / 4):
        try:
            if not held.leases.renew(held.source, held.owner):
                log.warning("lease lost", extra={"source": held.source})
                return
        except sa.exc.SQLAlchemyError as error:
            fields = {"source": held.source, "error": type(error).__name__}
            log.warning("lease not renewed", extra=fields)
