"""Errors as problems (RFC 9457, `application/problem+json`) or as pages.

The text is French for people, and a code is for programs.
"""

import logging
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.exceptions import HTTPException

from connectors.faults import expected
from indexer.errors import IndexNotRead, IndexRefused, IndexUnreachable
from indexer.sql import is_unreachable
from search_api.addresses import sign_on_address
from search_api.context import AnswerRefused
from search_api.features import ProblemBodyOf
from search_api.services import services_of
from search_api.templating import here, render

log = logging.getLogger(__name__)

_TITLES = {
    400: ("bad_request", "La demande n’a pas été comprise."),
    401: ("unknown_reader", "Vous n’êtes pas identifié."),
    403: ("forbidden", "Cette action ne vous est pas ouverte."),
    404: ("not_found", "Cette page n’existe pas."),
    405: ("method_not_allowed", "Cette adresse ne répond pas à cette méthode."),
    408: ("too_slow", "La demande est arrivée trop lentement."),
    413: ("too_large", "La demande est trop grande."),
    415: ("unsupported_media_type", "Cette forme d’envoi n’est pas comprise."),
    421: ("unknown_host", "Cette adresse n’est pas celle de Qui sait ?."),
    422: ("invalid_parameter", "Un paramètre de la demande n’est pas valable."),
    429: ("too_many_waiting", "Trop de travail attend déjà. Recommencez un peu plus tard."),
    431: ("head_too_large", "L’adresse ou les en-têtes de la demande sont trop longs."),
    500: ("internal", "Une erreur est survenue. Elle a été notée ; vous pouvez réessayer."),
    503: (
        "engine_unreachable",
        "Le moteur de recherche ne répond pas. Réessayez dans quelques instants.",
    ),
}


_NOT_READ = (
    "La recherche reprendra dès que toutes les sources auront été relues : l’index vient d’être "
    "remplacé, et d’ici là il pourrait montrer ce qui ne vous est plus ouvert."
)
_NO_DATABASE = (
    "La base de données de Qui sait ? ne répond pas : rien ne se lit ni ne s’écrit d’ici là. "
    "Réessayez dans quelques instants."
)
_FAILED = "La demande n’a pas pu aboutir."


WELL_KNOWN = "/.well-known/"
"""Beginning of paths at which programs look for metadata (RFC 8615)."""
PROGRAMS = ("/api/", WELL_KNOWN)
"""Paths for programs, which never get a page; features add theirs (`WebFeature.programs`)."""
_FILE_PATHS = ("/static/", "/embed/", "/theme/")


def _programs_of_features(request: Request) -> dict[str, ProblemBodyOf | None]:
    """Return the paths that features serve to programs, with what makes the body of a problem."""
    features = services_of(request).features
    return {path: body for one in features for path, body in one.programs.items()}


def _is_for_program(request: Request) -> bool:
    return request.url.path.startswith((*PROGRAMS, *_programs_of_features(request)))


def is_file(request: Request) -> bool:
    """Return whether the request is for a file, which is the same for everybody.

    The reader is not identified for such a request, so that its problems contain nothing about a
    reader.
    """
    return f"{request.url.path}/".startswith(_FILE_PATHS)


class Problem(Exception):
    """A problem raised by a route; `detail` is a French sentence for the person.

    `code` identifies the problem for programs if the status is not specific enough.
    """

    def __init__(
        self, status: int, detail: str = "", headers: Mapping[str, str] = {}, code: str = ""
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.code = status, detail, headers, code


class ReaderRequired(Problem):
    """The request needs a reader, but identifies nobody; pages redirect to sign-on."""

    def __init__(self) -> None:
        super().__init__(401, "Identifiez-vous pour chercher : sans nom, personne ne lit rien.")


class AgentRequired(Problem):
    """The sender is identified but is not an agent: signing on again would not help."""

    def __init__(self, why: str) -> None:
        super().__init__(401, why, code="not_an_agent")


def install_handlers(app: FastAPI) -> None:
    """Turn every error of the application into a problem, or into a page for page requests.

    Any other exception is handled by `unexpected_error`, which the outermost middleware calls.
    """

    @app.exception_handler(IndexUnreachable)
    @app.exception_handler(IndexRefused)
    def engine(request: Request, error: Exception) -> Response:
        return _failed(request, 503, error)

    @app.exception_handler(IndexNotRead)
    def not_read(request: Request, error: IndexNotRead) -> Response:
        log.error("request failed", extra={"status": 503, "error": type(error).__name__})
        return _response(request, 503, _NOT_READ, own_code="index_not_read")

    @app.exception_handler(Problem)
    def problem(request: Request, error: Problem) -> Response:
        if isinstance(error, ReaderRequired) and _may_sign_on(request):
            return RedirectResponse(sign_on_address(here(request)), status_code=303)
        return answer_to(request, error)

    @app.exception_handler(AnswerRefused)
    def refused(request: Request, error: AnswerRefused) -> Response:
        return _response(request, error.status, str(error), own_code=error.code)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        return _response(request, error.status_code, more_headers=error.headers or {})

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        return _response(request, 422, faults_of(error.errors()))


def unexpected_error(request: Request, error: Exception) -> Response:
    """Return the response to an exception without a handler: 503 if the database does not answer.

    The place of the error is logged, not its text, which may contain a query.
    """
    if is_unreachable(error):
        log.error("request failed", extra={"status": 503, "error": type(error).__name__})
        return _response(request, 503, _NO_DATABASE, own_code="database_unreachable")
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return _failed(request, 500, error, place)


def _failed(request: Request, status: int, error: Exception, place: str = "") -> Response:
    fields = {"status": status, "error": type(error).__name__, "place": place}
    log.error("request failed", extra=fields)
    return _response(request, status)


def _may_sign_on(request: Request) -> bool:
    """Return whether a browser requested a page, and a provider for sign-on exists."""
    sign_on = services_of(request).sign_on
    a_page = request.method == "GET" and not _is_for_program(request)
    has_token = "authorization" in request.headers
    return a_page and sign_on is not None and bool(sign_on.provider) and not has_token


def sentence_of(error: Exception) -> str:
    """Return the French sentence for an error; the text of an unexpected error is not shown."""
    if isinstance(error, AnswerRefused):
        return str(error)
    if isinstance(error, IndexNotRead):
        return _NOT_READ
    if is_unreachable(error):
        return _NO_DATABASE
    known = isinstance(error, IndexUnreachable | IndexRefused)
    log.error("call failed", extra={"error": type(error).__name__})
    return _TITLES[503 if known else 500][1]


def answer_to(request: Request, problem: Problem) -> Response:
    """Return the response of the API or of a page to a problem, for middleware."""
    return _response(request, problem.status, problem.detail, problem.headers, problem.code)


_PLACES = frozenset({"query", "path", "header", "cookie", "body"})


def faults_of(errors: Iterable[Mapping[str, Any]]) -> str:
    """Return in French which fields pydantic refused and what it expects, without the values."""
    return " ".join(dict.fromkeys(map(_fault, errors)))


def _fault(error: Mapping[str, Any]) -> str:
    names = [part for part in error["loc"] if isinstance(part, str) and part not in _PLACES]
    if not names or error["type"] == "json_invalid":
        return f"La demande n’a pas la forme attendue : {expected(error)}."
    return f"« {'.'.join(names)} » : {expected(error)}."


def _response(
    request: Request,
    status: int,
    detail: str = "",
    more_headers: Mapping[str, str] = {},
    own_code: str = "",
) -> Response:
    code, title = _TITLES.get(status, ("error", _FAILED))
    if own_code:
        code, title = own_code, title if status == 403 else _FAILED
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}  # RFC 9110, 15.5.2
    headers |= more_headers
    if is_file(request):
        return PlainTextResponse(title, status_code=status, headers=headers)
    if not _is_for_program(request):
        page = render(
            "problem.html",
            request=request,
            title=title,
            detail=detail,
            status=status,
            code=code,
            can_sign_on=services_of(request).sign_on is not None,
        )
        return HTMLResponse(page, status_code=status, headers=headers)
    for path, problem_body in _programs_of_features(request).items():
        if problem_body and request.url.path.startswith(path):
            return JSONResponse(problem_body(detail or title), status_code=status, headers=headers)
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "code": code}
    if detail:
        body["detail"] = detail
    return JSONResponse(
        body, status_code=status, headers=headers, media_type="application/problem+json"
    )
