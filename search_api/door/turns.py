"""Each request is somebody's turn: a reader's, a pushing token's, else its address's.

A request is first on its address's account. A route that finds out who asks calls
`charge`, which moves it to theirs: agents behind one address do not share one account,
and whoever invents names or tokens stays on their address's.
"""

from dataclasses import dataclass

from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from search_api.catalogue.texts import _
from search_api.door.rates import Asker, Rates, address_key
from search_api.problems import Problem, answer_to
from search_api.services import services_of

OPEN = ("/static/", "/embed/", "/health/")
"""What costs nothing and is the same for everybody is not counted."""


def count_turns(app: FastAPI, rates: Rates) -> None:
    """Count requests by address; without a session, refuse (429) what is too much."""
    app.add_middleware(_Turns, rates=rates)


@dataclass(frozen=True, slots=True)
class _Turns:
    app: ASGIApp
    rates: Rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(OPEN):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        wait_s = self.rates.take(Asker.ADDRESS, _address(request))
        request.state.wait_s = wait_s
        if wait_s and not {"authorization", "cookie"} & set(request.headers):
            await answer_to(request, _too_often(wait_s))(scope, receive, send)
            return
        await self.app(scope, receive, send)


def charge(request: Request, asker: Asker, key: str) -> None:
    """Count a request on this account and no longer on its address's. Raises a problem 429."""
    rates, counted = services_of(request).rates, getattr(request.state, "wait_s", None)
    if counted == 0:
        rates.give_back(Asker.ADDRESS, _address(request))
        request.state.wait_s = None
    if wait_s := rates.take(asker, key):
        raise _too_often(wait_s)


def spare(request: Request) -> None:
    """On nobody's account: its sender proved who they are, and may be in haste."""
    if getattr(request.state, "wait_s", None) == 0:
        services_of(request).rates.give_back(Asker.ADDRESS, _address(request))
        request.state.wait_s = None


def refuse_strangers_haste(request: Request) -> None:
    """For a request that turned out to be nobody's: a problem 429 where its address has none left.

    To be called where a credential was shown and named nobody.
    """
    if wait_s := getattr(request.state, "wait_s", None):
        raise _too_often(wait_s)


def _address(request: Request) -> str:
    return address_key(request.client.host if request.client else "")


def _too_often(wait_s: int) -> Problem:
    detail = _(
        "Vous avez fait trop de demandes : recommencez dans %(seconds)s\u00a0s.", seconds=wait_s
    )
    return Problem(429, detail, {"Retry-After": str(wait_s)}, code="too_often")
