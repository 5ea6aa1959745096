"""Whether the service lives, and whether its parts answer: for a supervisor, not for a reader.

Neither waits for a thread of the pool that answers readers: where all of them are busy, a
supervisor that restarts the service makes it worse.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Lock, Thread

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from indexer.access import NOBODY
from search_api.questions.query import Query
from search_api.services import Services, services_of

log = logging.getLogger(__name__)

router = APIRouter(prefix="/health", include_in_schema=False)

CHECK_TIMEOUT_S = 4.0
"""How long a part may take to answer; docker-compose.yml gives 5 s to the whole."""


@router.get("/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(request: Request) -> JSONResponse:
    """Index and database answer a request in time; 503 where one does not, and which.

    The index is asked as for a reader who reads nothing, the database for nobody.
    """
    services, looks = services_of(request), _health_checks(request)
    answers = await asyncio.gather(*(_answer(look, services) for look in looks.values()))
    found = dict(zip(looks, answers, strict=True))
    well = set(found.values()) == {"ok"}
    status = {"status": "ok" if well else "unavailable"}
    return JSONResponse(status | ({} if well else found), status_code=200 if well else 503)


class _HealthCheck:
    """One part asked whether it answers; by one thread at a time, whoever waits for it."""

    def __init__(self, ask: Callable[[Services], None]) -> None:
        self._ask = ask
        self._lock = Lock()
        self._under_way: Future[str] | None = None

    def answer(self, services: Services) -> "Future[str]":
        """«ok» or «unreachable», once it is known. The part may never answer."""
        with self._lock:
            if self._under_way is None or self._under_way.done():
                self._under_way = Future()
                # A daemon: a part that does not answer keeps nobody from stopping the server.
                asking = (services, self._under_way)
                thread = Thread(target=self._tell, args=asking, name="health", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the machine has no thread left
                    self._unreachable(self._under_way, error)
            return self._under_way

    def _tell(self, services: Services, told: "Future[str]") -> None:
        try:
            self._ask(services)
        except BaseException as error:  # noqa: BLE001 - a panic of tantivy is no `Exception`
            self._unreachable(told, error)
        else:
            told.set_result("ok")

    def _unreachable(self, told: "Future[str]", error: BaseException) -> None:
        part, kind = self._ask.__name__, type(error).__name__
        log.warning("not ready", extra={"part": part, "error": kind})
        told.set_result("unreachable")


def _health_checks(request: Request) -> Mapping[str, _HealthCheck]:
    state = request.app.state
    if not hasattr(state, "health"):
        state.health = {"index": _HealthCheck(_index), "database": _HealthCheck(_database)}
    looks: Mapping[str, _HealthCheck] = state.health
    return looks


async def _answer(look: _HealthCheck, services: Services) -> str:
    answered = asyncio.wrap_future(look.answer(services))
    await asyncio.wait({answered}, timeout=CHECK_TIMEOUT_S)
    return answered.result() if answered.done() else "unreachable"


def _index(services: Services) -> None:
    services.search.answer(Query(page_size=1), NOBODY, services.today())


def _database(services: Services) -> None:
    services.people.agent("")
