"""Requests that change something come from this site's own pages, or from no browser at all.

One check for every route, whatever is added: forms need no token. Browsers say where a
request comes from in `Sec-Fetch-Site` (W3C Fetch Metadata), which no page can forge and which
they send over https and to this very machine; else in `Origin` (RFC 6454), and the oldest in
`Referer`. A request that says none of these and carries no cookie acts in nobody's name:
a program with its own token. Decision 0009 says why this and not a token in each form.
"""

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from search_api.catalogue.texts import _, marked
from search_api.problems import Problem, answer_to

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_USUAL_PORTS = {"http": ":80", "https": ":443"}

ELSEWHERE = marked(
    "Cette demande vient d’une autre page que celles de Qui sait ? : rien n’a été changé. "
    "Revenez à la page, rechargez-la et recommencez."
)


def refuse_other_sites(app: FastAPI, addresses: Collection[str] = ()) -> None:
    """Refuse what other sites' pages would have a browser change here.

    `addresses` are origins under which readers know this site, beside the one that a
    request is sent to: what a proxy renames.
    """
    app.add_middleware(_OwnSite, addresses=frozenset(addresses))


@dataclass(frozen=True, slots=True)
class _OwnSite:
    app: ASGIApp
    addresses: frozenset[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _READING:
            request = Request(scope)
            own = f"{request.url.scheme}://{request.headers.get('host', '')}"
            if not from_own_site(request.headers, self.addresses | {_usual(own)}):
                refusal = answer_to(request, Problem(403, _(ELSEWHERE), code="other_site"))
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


def from_own_site(headers: Headers, own: Collection[str]) -> bool:
    """Whether a request that changes something may be let through; `own` are origins."""
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
    return _usual(f"{parts.scheme}://{parts.netloc}")


def _usual(origin: str) -> str:
    """Without the port that goes without saying, as browsers write an origin."""
    scheme, _, host = origin.lower().partition("://")
    return f"{scheme}://{host.removesuffix(_USUAL_PORTS.get(scheme, ' '))}"
