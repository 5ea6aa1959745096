"""The application that meets readers: the API and the pages, over one set of services."""

from fastapi import FastAPI

from search_api import about_pages, api, browser_search, health, pages, problems
from search_api.agents import api as agents_api
from search_api.agents import pages as agent_pages
from search_api.audit import pages as audit_pages
from search_api.catalogue.texts import use_catalogue
from search_api.desks import administration_pages, animation, gathering
from search_api.door.bounded import bound_requests
from search_api.door.hardening import add_headers
from search_api.door.own_host import answer_to_own_names
from search_api.door.own_site import refuse_other_sites
from search_api.door.turns import count_turns
from search_api.embedding import embed_box
from search_api.me import api as me_api
from search_api.me import pages as me_pages
from search_api.push import routes as push
from search_api.services import People, ReaderOf, Services
from search_api.sign_on import access_page, routes
from search_api.static_files import STATIC, KeptFiles
from search_api.topics import api as topics_api
from search_api.topics import pages as topic_pages

__all__ = ["People", "ReaderOf", "Services", "create_app"]


def create_app(services: Services) -> FastAPI:
    """The application. It logs no query and no name."""
    app = FastAPI(
        title="Qui sait ?",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses=api.PROBLEMS,
    )
    app.state.services = services
    # The last to be added is the first to see a request.
    sign_on = services.sign_on
    refuse_other_sites(app, {sign_on.address} if sign_on else ())
    bound_requests(app, services.bounds)
    count_turns(app, services.rates)
    if services.hosts is not None:
        answer_to_own_names(app, services.hosts)
    add_headers(app)
    embed_box(app, STATIC / "embed", services.origins)
    problems.install(app)
    use_catalogue(app, services.catalogue)
    app.include_router(api.router)
    app.include_router(topics_api.router)
    app.include_router(agents_api.router)
    app.include_router(animation.router)
    app.include_router(gathering.router)
    app.include_router(push.router)
    app.include_router(audit_pages.router)
    app.include_router(me_api.router)
    app.include_router(health.router)
    app.include_router(pages.router)
    app.include_router(topic_pages.router)
    app.include_router(agent_pages.router)
    app.include_router(animation.pages)
    app.include_router(gathering.pages)
    app.include_router(audit_pages.pages)
    app.include_router(me_pages.router)
    app.include_router(browser_search.router)
    if sign_on:
        app.include_router(routes.router)
        app.include_router(access_page.router)
    app.include_router(about_pages.router)
    app.include_router(administration_pages.router)
    if services.theme:
        app.mount("/theme", KeptFiles(directory=services.theme), name="theme")
    app.mount("/static", KeptFiles(directory=STATIC), name="static")
    return app
