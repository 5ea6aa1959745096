"""The API's description (OpenAPI 3.1) and its page: tags, names, security and problems.

FastAPI derives parameters and bodies from the routes. This module adds what follows from a route's
path, in one place for all routes.
"""

import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic.json_schema import models_json_schema

from search_api.bodies import ProblemBody, problem_responses
from search_api.deprecations import DEPRECATED
from search_api.features import WebFeature
from search_api.static_files import static_address, static_files
from search_api.templating import render

VERSION = "1.1"
"""Version of the API; docs/api.md lists the changes of each version."""

_ABOUT = """\
Knowledge search and expertise finding, under the rights of the agent who asks.

`docs/api.md` leads in French from a token to a first answer. Errors are problems of RFC 9457
(`application/problem+json`): their texts are French, their `code` is for programs."""

_TAGS = {
    "search": "Documents that answer a question, the people to ask, suggestions.",
    "experts": "Agents who may know, with the documents that show it.",
    "topics": "The organisation's topics, their holders, and who is alone.",
    "documents": "A document's text and what is known of it.",
    "questions": "Questions to colleagues, and their answers.",
    "me": "What is stored about the agent, and what they choose.",
    "communities": "Communities, and what their animators decide.",
    "administration": "What the officer for data protection reads.",
}
_TAG_OF = (
    (r"/api/v1/(search|suggest)", "search"),
    (r"/api/v1/(experts|agents)", "experts"),
    (r"/api/v1/(topics|isolation|coverage)", "topics"),
    (r"/api/v1/documents", "documents"),
    (r"/api/v1/questions", "questions"),
    (r"/api/v1/(me|follows|news|verifications)", "me"),
    (r"/api/v1/(communities|animation)", "communities"),
    (r"/api/v1/audit", "administration"),
)

BEARER = {"type": "http", "scheme": "bearer"}
_SECURITY = {
    "bearer": BEARER
    | {"description": "A personal token (« Mes accès »), or one of `quisait token`."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-quisait_session",
        "description": "The session of a browser; `quisait_session` without https.",
    },
    "signedHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Quisait-Agent",
        "description": "A signed token (JWT) that a reverse proxy sets, in the header that the "
        "settings name (`[signed_header] name`).",
    },
}
_AS_AGENT = ("bearer", "session", "signedHeader")

_BAD_BODY = problem_responses({400: "the body is not JSON in UTF-8"})[400]
_EXAMPLES = Path(__file__).with_name("api_examples.json")


def describe(app: FastAPI, features: Sequence[WebFeature] = ()) -> None:
    """Serve the description at the application's `openapi_url`, and a page of it at `/docs`."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app, features)
        return app.openapi_schema

    def page(request: Request) -> Response:
        return HTMLResponse(
            render("api.html", request=request, start=static_address("api.js")),
            headers={"Content-Security-Policy": _POLICY},
        )

    app.openapi = openapi  # type: ignore[method-assign]
    app.add_route("/api/v1/openapi.json", lambda _: JSONResponse(app.openapi()))
    app.add_route("/docs", page)
    app.mount("/static/swagger-ui", _swagger_ui(), name="swagger-ui")


_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Policy of `/docs` alone: Swagger UI writes styles and HTML into its page, which only shows
answers that the developer requests.
"""


@cache
def _swagger_ui() -> Any:
    package = find_spec("fastapi_swagger")
    locations = package.submodule_search_locations if package else None
    assert locations  # noqa: S101 - a dependency
    return static_files(Path(locations[0]) / "resources")


def _described(app: FastAPI, features: Sequence[WebFeature]) -> dict[str, Any]:
    schema = get_openapi(
        title="Qui sait ?",
        version=VERSION,
        description=_ABOUT,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    _, bodies = models_json_schema(
        [(ProblemBody, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    components = schema["components"]
    components["schemas"] |= bodies["$defs"]
    components["securitySchemes"] = dict(_SECURITY)
    tags = [*_TAG_OF, *(entry for feature in features for entry in feature.tags.items())]
    examples = json.loads(_EXAMPLES.read_text("utf-8"))
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            _complete(operation, method, path, tags)
            example = examples.get(operation["operationId"])
            if example is not None:
                operation["responses"]["200"]["content"]["application/json"]["example"] = example
    for feature in features:
        feature.describe(schema)
    components["schemas"] = dict(sorted(components["schemas"].items()))
    return schema


def _complete(
    operation: dict[str, Any], method: str, path: str, tags: Sequence[tuple[str, str]]
) -> None:
    """Complete an operation from its path and its docstring. `tags`: tags by pattern of paths."""
    operation["operationId"] = operation_id(method, path)
    operation["tags"] = [_first(tags, path)]
    operation["security"] = [{name: []} for name in _AS_AGENT]
    first = re.match(r"(.+?)(?:\.\s+|\.?$)", operation.pop("description"), re.DOTALL)
    assert first  # noqa: S101 - every route has a docstring
    operation["summary"] = " ".join(first[1].split())
    if rest := first.string[first.end() :]:
        operation["description"] = rest
    if "requestBody" in operation:
        operation["responses"].setdefault("400", _BAD_BODY)
    if path in DEPRECATED:
        operation["deprecated"] = True


def _first(table: Any, path: str, other: Any = None) -> Any:
    return next((value for pattern, value in table if re.match(pattern, path)), other)


def operation_id(method: str, path: str) -> str:
    """Return a stable name, such as `agent_peers` for GET /agents/{agent_id}/peers."""
    words = [] if method == "get" else [method]
    prefix, _, rest = path.removeprefix("/").partition("/")
    version, _, rest = rest.partition("/")
    words += [] if (prefix, version) == ("api", "v1") else [prefix]
    for word in rest.strip("/").split("/"):
        if not word.startswith("{"):
            words.append(re.sub(r"\W+", "_", word).strip("_").lower())
        else:
            words[-1] = re.sub(r"ies$", "y", words[-1]).removesuffix("s")
    return "_".join(words)
