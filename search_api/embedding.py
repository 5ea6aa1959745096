"""The box in other sites' pages: which origins, for what the box asks, and nothing else.

As the Fetch standard says (CORS): a browser lets a page of another origin read an answer
only if the answer names that origin. An origin that the settings do not name is named by
no answer, and no answer names them all.
"""

from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from fastapi import FastAPI, Request, Response

from search_api.box_words import words_module
from search_api.static_files import ASK, KeptFiles

SCRIPTS = "/embed/"
"""Where the box's modules are: the same for everybody, and fetched without a session."""
ANSWERS = frozenset({"/api/v1/search", "/api/v1/suggest"})
"""What the box asks, under its reader's session."""


def embed_box(app: FastAPI, scripts: Path, origins: Collection[str]) -> None:
    """Serve the box's modules, and let pages of these origins use it.

    `origins` are as browsers write them: `https://intranet.exemple.fr`.
    """

    @app.get(f"{SCRIPTS}words.js", include_in_schema=False)
    def words() -> Response:
        headers = {"Cache-Control": ASK}
        return Response(words_module(), headers=headers, media_type="text/javascript")

    app.mount(SCRIPTS.rstrip("/"), KeptFiles(directory=scripts), name="embed")

    @app.middleware("http")
    async def cross_origin(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        path = request.url.path
        if path not in ANSWERS and not path.startswith(SCRIPTS):
            return await call_next(request)
        method, wanted = request.method, request.headers.get("access-control-request-method")
        if preflight := method == "OPTIONS" and wanted is not None:
            response = Response(status_code=204, headers={"Cache-Control": "private, no-store"})
        else:
            response = await call_next(request)
        # Even where no origin is named: a cache must not give one origin's answer to another.
        response.headers.add_vary_header("Origin")
        origin = request.headers.get("origin", "")
        if origin in origins and (wanted if preflight else method) == "GET":
            response.headers["Access-Control-Allow-Origin"] = origin
            if path in ANSWERS:
                response.headers["Access-Control-Allow-Credentials"] = "true"
        return response
