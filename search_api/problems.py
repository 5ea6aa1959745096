"""Problems as RFC 9457 says: `application/problem+json`, French for people, a code for programs."""

import logging
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from indexer.errors import IndexRefused, IndexUnreachable
from search_api.templating import render

log = logging.getLogger(__name__)

_TITLES = {
    400: ("bad_request", "La demande n'a pas été comprise."),
    401: ("unknown_reader", "Vous n'êtes pas identifié."),
    403: ("forbidden", "Cette action ne vous est pas ouverte."),
    404: ("not_found", "Cette page n'existe pas."),
    405: ("method_not_allowed", "Cette adresse ne répond pas à cette méthode."),
    422: ("invalid_parameter", "Un paramètre de la demande n'est pas valable."),
    500: ("internal", "Une erreur est survenue. Elle a été notée ; vous pouvez réessayer."),
    503: (
        "engine_unreachable",
        "Le moteur de recherche ne répond pas. Réessayez dans quelques instants.",
    ),
}


class Problem(Exception):
    """A problem that a route meets; `detail` is a French sentence for the person."""

    def __init__(self, status: int, detail: str = "") -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


def install(app: FastAPI) -> None:
    """Turn every error of the application into a problem, or for a page into a page."""

    def answer(status: int) -> Callable[[Request, Exception], Response]:
        def respond(request: Request, error: Exception) -> Response:
            log.error("request failed", extra={"status": status, "error": type(error).__name__})
            return _response(request, status)

        return respond

    app.add_exception_handler(IndexUnreachable, answer(503))
    app.add_exception_handler(IndexRefused, answer(503))
    app.add_exception_handler(Exception, answer(500))
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class
    return _response(request, error.status, error.detail)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    return _response(request, error.status_code)


def _invalid(request: Request, error: Exception) -> Response:
    """Names the parameters at fault, never their values."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    names = sorted({str(one["loc"][-1]) for one in error.errors()})
    return _response(request, 422, f"Vérifiez : {', '.join(names)}.")


def _response(request: Request, status: int, detail: str = "") -> Response:
    code, title = _TITLES.get(status, ("error", "La demande n'a pas pu aboutir."))
    if not request.url.path.startswith("/api/"):
        page = render("problem.html", request=request, title=title, detail=detail, status=status)
        return HTMLResponse(page, status_code=status)
    body = {"type": "about:blank", "title": title, "status": status, "code": code}
    if detail:
        body["detail"] = detail
    return JSONResponse(body, status_code=status, media_type="application/problem+json")
