"""`/metrics`: beside the pages for who shows the token, or on a port of its own."""

import hmac
from collections.abc import Collection

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from indexer.access import NOBODY
from quisait.assembly import House
from quisait.commands.answers import today
from search_api import health
from search_api.door.hardening import add_headers
from search_api.door.own_host import answer_to_own_names
from search_api.services import Services


def metrics_router(registry: CollectorRegistry, token: str) -> APIRouter:
    """One route. Where `token` is not empty, it is shown as `Authorization: Bearer …`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/metrics")
    def metrics(request: Request) -> Response:
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and not hmac.compare_digest(shown.encode(), token.encode()):
            return PlainTextResponse(
                "Un jeton est demandé : [metrics] token.\n",
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


def metrics_app(house: House, registry: CollectorRegistry, hosts: Collection[str]) -> FastAPI:
    """What a port of its own serves: the measures, and whether this process is well."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.services = Services(house.search, house.book, lambda request: NOBODY, today=today)
    answer_to_own_names(app, hosts)
    add_headers(app)
    app.include_router(health.router)
    app.include_router(metrics_router(registry, house.settings.metrics.token))
    return app
