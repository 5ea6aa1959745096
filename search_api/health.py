"""Whether the service lives, and whether its parts answer: for a supervisor, not for a reader."""

import logging
from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from indexer.access import NOBODY
from search_api.questions.query import Query
from search_api.services import Services, services_of

log = logging.getLogger(__name__)

router = APIRouter(prefix="/health", include_in_schema=False)


@router.get("/live")
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/ready")
def ready(request: Request) -> JSONResponse:
    """Index and database answer a request; 503 where one does not, and which.

    The index is asked as for a reader who reads nothing, the database for nobody.
    """
    services = services_of(request)
    found = {"index": _answers(_index, services), "database": _answers(_database, services)}
    well = set(found.values()) == {"ok"}
    status = {"status": "ok" if well else "unavailable"}
    return JSONResponse(status | ({} if well else found), status_code=200 if well else 503)


def _index(services: Services) -> None:
    services.search.answer(Query(page_size=1), NOBODY, services.today())


def _database(services: Services) -> None:
    services.people.agent("")


def _answers(ask: Callable[[Services], None], services: Services) -> str:
    try:
        ask(services)
    except Exception as error:  # noqa: BLE001 - whatever keeps a part from answering, it is not ready
        log.warning("not ready", extra={"part": ask.__name__, "error": type(error).__name__})
        return "unreachable"
    return "ok"
