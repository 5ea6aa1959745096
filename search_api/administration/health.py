"""Health checks for a supervisor: whether the process lives, and whether its parts answer.

The checks do not wait for a thread of the readers' pool. If all threads were busy, the supervisor
would otherwise restart a service that works.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Lock, Thread

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from search_api.services import Services, services_of

log = logging.getLogger(__name__)

router = APIRouter(prefix="/health", include_in_schema=False)

CHECK_TIMEOUT_S = 4.0
"""Time limit for a part to answer, in seconds; docker-compose.yml allows 5 s for the whole check.
"""


@router.get("/live")
async def live() -> dict[str, str]:
    """Answer that the process lives."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(request: Request) -> JSONResponse:
    """Return whether index and database answer in time; 503 with the part that does not answer.

    The index is searched for a reader without any rights.
    """
    services, checks = services_of(request), _health_checks(request)
    answers = await asyncio.gather(*(_answer(check, services) for check in checks.values()))
    found = dict(zip(checks, answers, strict=True))
    well = set(found.values()) == {"ok"}
    status = {"status": "ok" if well else "unavailable"}
    return JSONResponse(status | ({} if well else found), status_code=200 if well else 503)


class _HealthCheck:
    """Checks one part in one thread at a time, however many requests wait for it."""

    def __init__(self, check: Callable[[Services], None]) -> None:
        self._check = check
        self._lock = Lock()
        self._running: Future[str] | None = None

    def answer(self, services: Services) -> "Future[str]":
        """Return a future of `ok` or `unreachable`; it may never be done."""
        with self._lock:
            if self._running is None or self._running.done():
                self._running = Future()
                # A daemon thread: a part that never answers must not keep the server running.
                arguments = (services, self._running)
                thread = Thread(target=self._run, args=arguments, name="health", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the machine has no free thread
                    self._unreachable(self._running, error)
            return self._running

    def _run(self, services: Services, answer: "Future[str]") -> None:
        try:
            self._check(services)
        except BaseException as error:  # noqa: BLE001 - a panic of tantivy is no `Exception`
            self._unreachable(answer, error)
        else:
            answer.set_result("ok")

    def _unreachable(self, answer: "Future[str]", error: BaseException) -> None:
        part, kind = self._check.__name__, type(error).__name__
        log.warning("not ready", extra={"part": part, "error": kind})
        answer.set_result("unreachable")


def _health_checks(request: Request) -> Mapping[str, _HealthCheck]:
    state = request.app.state
    if not hasattr(state, "health"):
        state.health = {"index": _HealthCheck(_index), "database": _HealthCheck(_database)}
    checks: Mapping[str, _HealthCheck] = state.health
    return checks


async def _answer(check: _HealthCheck, services: Services) -> str:
    answered = asyncio.wrap_future(check.answer(services))
    await asyncio.wait({answered}, timeout=CHECK_TIMEOUT_S)
    return answered.result() if answered.done() else "unreachable"


def _index(services: Services) -> None:
    services.search.probe()


def _database(services: Services) -> None:
    services.people.agent("")
