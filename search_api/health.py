"""Whether the service lives, and whether its engine answers: for a supervisor, not for a reader."""

from fastapi import APIRouter, Request

from indexer.access import NOBODY
from search_api.query import Query
from search_api.services import services_of

router = APIRouter(prefix="/health", include_in_schema=False)


@router.get("/live")
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/ready")
def ready(request: Request) -> dict[str, str]:
    """The engine answers too, to a reader who reads nothing; 503 where it does not."""
    services = services_of(request)
    services.search.answer(Query(page_size=1), NOBODY, services.today())
    return {"status": "ok"}
