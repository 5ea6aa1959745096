"""The intranet page of the demonstration, which embeds the search."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from quisait.settings import Settings
from search_api.server import serving

WRITTEN_ORIGIN = "http://127.0.0.1:8077"
"""The address of quisait in the intranet page, which is replaced by the real address."""


@contextmanager
def serving_intranet(settings: Settings, folder: Path, quisait: str) -> Iterator[None]:
    """Serve the intranet page at each loopback origin of the settings, and print the addresses.

    If a port is taken, print that and go on without the page.
    """
    app = intranet_app(folder)
    app.state.quisait = quisait
    with ExitStack() as servers:
        for origin in map(urlsplit, settings.embed.origins):
            if origin.hostname != "127.0.0.1" or origin.port is None:
                continue
            try:
                servers.enter_context(serving(app, origin.hostname, origin.port))
            except ValueError:
                print(
                    f"L'intranet fictif n'est pas servi : le port {origin.port} est déjà pris "
                    "([embed] origins). La démonstration s'en passe.",
                    file=sys.stderr,
                )
            else:
                print(f"L'intranet fictif, qui l'intègre, est à {origin.geturl()}/", flush=True)
        yield


def intranet_app(folder: Path) -> FastAPI:
    """Return an ASGI application that serves the intranet pages of `folder`.

    Their search box calls the quisait at the address in `app.state.quisait`.
    """
    app = FastAPI(openapi_url=None)
    app.state.quisait = WRITTEN_ORIGIN

    @app.get("/")
    def home(request: Request) -> HTMLResponse:
        quisait: str = request.app.state.quisait
        page = (folder / "index.html").read_text("utf-8").replace(WRITTEN_ORIGIN, quisait)
        return HTMLResponse(page, headers={"Content-Security-Policy": _policy(quisait)})

    app.mount("/", StaticFiles(directory=folder))
    return app


def _policy(quisait: str) -> str:
    """Return the strictest policy under which the widget works, as in docs/intranet.md."""
    return (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; "
        f"script-src {quisait}; connect-src {quisait}; form-action {quisait}"
    )
