"""Headers that every answer carries: nothing from elsewhere, nothing kept in shared caches."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response

from search_api.problems import is_file, unexpected

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: browsers then hide where a form of our own comes from (`Origin: null`).
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), geolocation=(), microphone=(), payment=(), usb=(), serial=(), hid=(), "
        "display-capture=(), browsing-topics=()"
    ),
}
_HTTPS_ONLY = "max-age=31536000"
"""A browser that came once over https comes over nothing else for a year."""


def add_headers(app: FastAPI) -> None:
    """A page's address holds the query: it is given to no other site."""

    @app.middleware("http")
    async def headers(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        try:
            response = await call_next(request)
        except Exception as error:  # noqa: BLE001 - else the server would log its text, and answer without these headers
            response = unexpected(request, error)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if request.url.scheme == "https":
            response.headers.setdefault("Strict-Transport-Security", _HTTPS_ONLY)
        if request.url.path.startswith("/embed/"):
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if not is_file(request):
            response.headers["Cache-Control"] = "private, no-store"
        elif response.status_code >= 400:
            response.headers["Cache-Control"] = "no-store"
        return response
