"""Security middleware: response headers, the `Host` check, and requests from other sites.

In an attack by DNS rebinding, a page of `ailleurs.example` makes its own name resolve to 127.0.0.1,
so that for the browser it has the same origin as the server there. `Host` still contains the page's
name; therefore `Host` is checked.

Requests that change something must come from this site's own pages, or from a program that is not a
browser. This is checked for every route, so that forms need no token. Browsers send a request's
origin in `Sec-Fetch-Site` (W3C Fetch Metadata) or in `Origin` (RFC 6454); very old browsers send it
in `Referer`. A request with none of these and no cookie does not use anybody's session: it comes
from a program with its own token. Decision 0009 explains this choice over a token in each form.
"""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from search_api.deprecations import deprecation_headers
from search_api.problems import Problem, answer_to, is_file, unexpected_error

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # `no-referrer` would make browsers send `Origin: null` with our own forms.
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
"""Value of the header by which browsers that have used HTTPS only use HTTPS for a year."""


def add_security_headers(app: FastAPI) -> None:
    """Add the security headers to every answer.

    No referrer is sent to other sites, because a page's address contains the query.
    """

    @app.middleware("http")
    async def headers(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        try:
            response = await call_next(request)
        except Exception as error:  # noqa: BLE001 - the server would log its text, and answer without these headers
            response = unexpected_error(request, error)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.update(deprecation_headers(request.url.path))
        if request.url.scheme == "https":
            response.headers.setdefault("Strict-Transport-Security", _HTTPS_ONLY)
        if request.url.path.startswith("/embed/"):
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if not is_file(request):
            response.headers["Cache-Control"] = "private, no-store"
        elif response.status_code >= 400:
            response.headers["Cache-Control"] = "no-store"
        return response


_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")
UNKNOWN_HOST = (
    "Ce site ne répond pas à ce nom. Vérifiez l’adresse ; si vous administrez Qui sait, "
    "ajoutez ce nom à « hosts », dans [door]."
)


@dataclass(frozen=True, slots=True)
class HostMiddleware:
    """Refuses (421) requests whose `Host` is not in `hosts`, an IP address or `localhost`."""

    app: ASGIApp
    hosts: Collection[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http":
            request = Request(scope)
            if not is_own_host(request.headers.get("host", ""), self.hosts):
                refusal = answer_to(request, Problem(421, UNKNOWN_HOST))
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


def is_own_host(header: str, hosts: Collection[str]) -> bool:
    """Return whether a `Host` header names this site; `hosts` are without ports."""
    found = _HOST.fullmatch(header.lower())
    if found is None:
        return False
    name = found[1].removesuffix(".")
    return name == "localhost" or name in map(str.lower, hosts) or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}

OTHER_SITE = (
    "Cette demande vient d’une autre page que celles de Qui sait ? : rien n’a été changé. "
    "Revenez à la page, rechargez-la et recommencez."
)


@dataclass(frozen=True, slots=True)
class SameSiteMiddleware:
    """Refuses (403) changing requests that a browser sends from another site's page.

    `addresses` are this site's origins as readers know them, if a proxy sends requests to another
    origin.
    """

    app: ASGIApp
    addresses: frozenset[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and scope["method"] not in _SAFE_METHODS:
            request = Request(scope)
            own = f"{request.url.scheme}://{request.headers.get('host', '')}"
            if not is_same_site(request.headers, self.addresses | {_without_default_port(own)}):
                refusal = answer_to(request, Problem(403, OTHER_SITE, code="other_site"))
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


def is_same_site(headers: Headers, own: Collection[str]) -> bool:
    """Return whether a request that changes something comes from one of the origins `own`."""
    if fetched := headers.get("sec-fetch-site"):
        return fetched in ("same-origin", "none")
    if origin := headers.get("origin"):
        return origin in own
    if referer := headers.get("referer"):
        return _origin(referer) in own
    return "cookie" not in headers


def _origin(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return _without_default_port(f"{parts.scheme}://{parts.netloc}")


def _without_default_port(origin: str) -> str:
    """Return an origin without the default port, as browsers write it."""
    scheme, _, host = origin.lower().partition("://")
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORTS.get(scheme, ' '))}"
