"""The FastAPI application: API and pages over one set of services."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

from fastapi import APIRouter, FastAPI, Request
from starlette.routing import BaseRoute

from indexer.access import Reader
from search_api import problems
from search_api.access import routes as sign_on_routes
from search_api.account import routes as account
from search_api.administration import health
from search_api.administration import routes as administration
from search_api.bodies import PROBLEMS
from search_api.communities import routes as communities
from search_api.demo import routes as demo
from search_api.documents import routes as documents
from search_api.expected import routes as expected
from search_api.favourites.service import PageFavourites
from search_api.features import WebFeature
from search_api.following import routes as following
from search_api.following.service import PageFollows
from search_api.home.page import HomePage, home_page
from search_api.identity.identification import by_personal_token
from search_api.middleware.moment import MomentMiddleware
from search_api.middleware.request_limits import RateLimitMiddleware, SizeAndTimeMiddleware
from search_api.middleware.security import (
    HostMiddleware,
    SameSiteMiddleware,
    add_security_headers,
)
from search_api.notices import NoticeMiddleware
from search_api.openapi import describe
from search_api.people import routes as people
from search_api.people.corrections import PageCorrections
from search_api.questions import routes as questions
from search_api.questions import wording
from search_api.questions.storage import Asking
from search_api.search import routes as search
from search_api.search.embed_widget import add_embed_widget
from search_api.services import ReaderOf, Services, reader_of_page, services_of
from search_api.static_files import STATIC, STATIC_FOLDERS, add_static, static_files
from search_api.templating import add_templates
from search_api.topics import routes as topics
from search_api.verification import routes as verification
from search_api.verification.storage import Verifying

__all__ = ["ReaderOf", "Services", "create_app"]


def _for_reader(
    shown: Callable[[Services, Reader], object], *, in_person: bool = False
) -> Callable[[Request], object]:
    """Return a function of `WebFeature.frame`; with `in_person`, None for a personal token."""

    def value(request: Request) -> object:
        if in_person and by_personal_token(request):
            return None
        return shown(services_of(request), reader_of_page(request))

    return value


def _home_of_page(request: Request) -> Callable[[], HomePage]:
    in_person = not by_personal_token(request)
    return partial(home_page, services_of(request), reader_of_page(request), in_person=in_person)


OWN_PAGES = WebFeature(
    frame={
        "asking": _for_reader(questions.asking_shown),
        "corrections": _for_reader(PageCorrections, in_person=True),
        "demo": demo.demo_of_page,
        "favourites": _for_reader(PageFavourites),
        "home_page": _home_of_page,
        "page_follows": _for_reader(PageFollows, in_person=True),
        "verifying": lambda request: services_of(request).part(Verifying) is not None,
    },
    filters={
        "answered_before": wording.answered_before,
        "open_figures": wording.open_figures,
        "passed_on": wording.passed_on,
        "questions_this_week": wording.questions_this_week,
    },
)
"""What quisait's own features add to every page."""


def create_app(services: Services) -> FastAPI:
    """Return the application. It logs no query and no name."""
    app = FastAPI(
        title="Qui sait ?",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses=PROBLEMS,
    )
    services = replace(services, features=(OWN_PAGES, *services.features))
    app.state.services = services
    # The middleware added last sees a request first.
    sign_on = services.sign_on
    own = frozenset({sign_on.address} if sign_on else ())
    app.add_middleware(SameSiteMiddleware, addresses=own)
    app.add_middleware(
        SizeAndTimeMiddleware,
        timeouts=services.timeouts,
        large_bodies=tuple(path for feature in services.features for path in feature.large_bodies),
    )
    app.add_middleware(RateLimitMiddleware, limiter=services.rate_limiter)
    if services.hosts is not None:
        app.add_middleware(HostMiddleware, hosts=services.hosts)
    app.add_middleware(NoticeMiddleware)
    app.add_middleware(MomentMiddleware)
    add_security_headers(app)
    asks = services.part(Asking) is not None
    add_embed_widget(app, STATIC / "embed", services.origins, asking=asks)
    problems.install_handlers(app)
    app.router.routes.extend(_routes(signs_on=sign_on is not None))
    added = APIRouter(responses=PROBLEMS)
    for feature in services.features:
        for router in feature.routers:
            added.include_router(router)
        add_templates(feature)
        if feature.static:
            add_static(feature.static)
    app.router.routes.extend(added.routes)
    if services.theme:
        app.mount("/theme", static_files(services.theme), name="theme")
    describe(app, services.features)
    app.mount("/static", static_files(*STATIC_FOLDERS), name="static")
    return app


@cache
def _routes(*, signs_on: bool) -> tuple[BaseRoute, ...]:
    """Return the routes that all applications share.

    FastAPI builds each route at the first request that reaches it, in 0.3 s for all. If each
    application had its own routes, they would be built again.
    """
    shared = APIRouter(responses=PROBLEMS)
    for router in (
        search.api_router,
        topics.api_router,
        people.api_router,
        documents.api_router,
        communities.router,
        communities.readers,
        administration.router,
        account.api_router,
        questions.api_router,
        following.api_router,
        verification.api_router,
        expected.api_router,
        verification.marked_router,
        health.router,
        search.router,
        demo.router,
        topics.router,
        people.router,
        documents.router,
        communities.pages,
        administration.pages,
        account.router,
        questions.router,
        following.router,
        verification.router,
        expected.router,
        search.browser_search_router,
        *((sign_on_routes.router, sign_on_routes.access_router) if signs_on else ()),
        search.about_router,
        administration.administration_router,
    ):
        shared.include_router(router)
    return tuple(shared.routes)
