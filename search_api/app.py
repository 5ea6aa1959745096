"""The FastAPI application: API and pages over one set of services."""

from fastapi import FastAPI

from search_api import problems
from search_api.middleware.request_limits import limit_rates, limit_size_and_time
from search_api.middleware.security import add_security_headers, check_host, check_same_site
from search_api.routes import (
    administration,
    agents,
    asking,
    community_management,
    demo,
    documents,
    find,
    following,
    health,
    mail,
    moderation,
    my_data,
    new_source,
    push,
    scim,
    search,
    topics,
    verification,
)
from search_api.routes import sign_on as sign_on_routes
from search_api.routes.embed_widget import add_embed_widget
from search_api.scim import ScimRefused
from search_api.services import PeopleDirectory, ReaderOf, Services
from search_api.static_files import STATIC, static_files

__all__ = ["PeopleDirectory", "ReaderOf", "Services", "create_app"]


def create_app(services: Services) -> FastAPI:
    """Return the application. It logs no query and no name."""
    app = FastAPI(
        title="Qui sait ?",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses=search.PROBLEMS,
    )
    app.state.services = services
    # The middleware added last sees a request first.
    sign_on = services.sign_on
    check_same_site(app, {sign_on.address} if sign_on else ())
    limit_size_and_time(app, services.timeouts)
    limit_rates(app, services.rate_limiter)
    if services.hosts is not None:
        check_host(app, services.hosts)
    add_security_headers(app)
    asks = services.asking is not None
    add_embed_widget(app, STATIC / "embed", services.origins, asking=asks)
    problems.install_handlers(app)
    app.include_router(search.api_router)
    app.include_router(topics.api_router)
    app.include_router(agents.api_router)
    app.include_router(documents.api_router)
    app.include_router(community_management.router)
    app.include_router(community_management.readers)
    app.include_router(push.router)
    app.include_router(scim.router)
    app.add_exception_handler(ScimRefused, scim.answer_refusal)
    app.include_router(find.router)
    app.include_router(administration.router)
    app.include_router(my_data.api_router)
    app.include_router(moderation.api_router)
    app.include_router(asking.api_router)
    app.include_router(following.api_router)
    app.include_router(mail.api_router)
    app.include_router(verification.api_router)
    app.include_router(health.router)
    app.include_router(search.router)
    app.include_router(demo.router)
    app.include_router(topics.router)
    app.include_router(agents.router)
    app.include_router(documents.router)
    app.include_router(community_management.pages)
    app.include_router(administration.pages)
    app.include_router(my_data.router)
    app.include_router(moderation.router)
    app.include_router(asking.router)
    app.include_router(following.router)
    app.include_router(mail.router)
    app.include_router(verification.router)
    app.include_router(search.browser_search_router)
    if sign_on:
        app.include_router(sign_on_routes.router)
        app.include_router(sign_on_routes.access_router)
    app.include_router(search.about_router)
    app.include_router(administration.administration_router)
    app.include_router(new_source.new_source_router)
    if services.theme:
        app.mount("/theme", static_files(services.theme), name="theme")
    app.mount("/static", static_files(STATIC), name="static")
    return app
