"""Middleware that limits requests: their size, their time, and how often one may ask.

A request is first counted for its address. A route that finds out who asks calls `charge`, which
counts it for that reader or token instead: agents behind one address do not share one limit, and
whoever invents names or tokens stays on their address's.
"""

import asyncio
from dataclasses import dataclass

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.limits import RateLimiter, RequesterKind, RequestTimeouts, address_key
from search_api.problems import Problem, answer_to
from search_api.server import HEAD_BYTES
from search_api.services import services_of

MAX_FORM_BYTES = 256 * 1024
"""The largest body where nothing is pushed: the pages' forms are smaller by far."""
PUSH_PATHS = ("/api/v1/push/", "/api/v1.0/documents/")
"""Where bodies are large; the sender's token and the settings' own limit stand before them."""


def limit_size_and_time(app: FastAPI, bounds: RequestTimeouts) -> None:
    """Answer 413 to a body that is too large, 408 to one too slow, 503 where work lasts too long.

    What a thread began is not broken off; nobody waits for it any more.
    """
    app.add_middleware(_SizeAndTimeMiddleware, bounds=bounds)


@dataclass(frozen=True, slots=True)
class _SizeAndTimeMiddleware:
    app: ASGIApp
    bounds: RequestTimeouts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _head_bytes(scope) > HEAD_BYTES:
            # The server's own limit holds only for what arrives in several pieces.
            await answer_to(Request(scope), Problem(431))(scope, receive, send)
            return
        answer = _GuardedSend(send)
        body = _LimitedBody(
            receive, None if scope["path"].startswith(PUSH_PATHS) else MAX_FORM_BYTES
        )
        body.until = asyncio.get_running_loop().time() + self.bounds.body_s
        work = asyncio.ensure_future(self.app(scope, body.receive, answer.send))
        try:
            await asyncio.wait({work}, timeout=self.bounds.body_s + self.bounds.answer_s)
            if work.done() or answer.started:
                await work
                return
        except asyncio.CancelledError:
            work.cancel()
            raise
        answer.late = True
        work.add_done_callback(_ignore_result)
        problem = Problem(503, "La réponse tarde trop : réessayez.", {"Retry-After": "30"}, "late")
        await answer_to(Request(scope), problem)(scope, receive, send)


@dataclass(slots=True)
class _GuardedSend:
    """What is sent, unless another answer was given meanwhile."""

    to: Send
    started: bool = False
    late: bool = False

    async def send(self, message: Message) -> None:
        if not self.late:
            self.started = True
            await self.to(message)


@dataclass(slots=True)
class _LimitedBody:
    """What arrives, within bytes (None: bounded elsewhere) and until a moment of the loop's."""

    arriving: Receive
    most: int | None
    until: float = 0.0
    size: int = 0
    whole: bool = False

    async def receive(self) -> Message:
        """Raises `HTTPException`, which reaches the application as its own would."""
        if self.whole:
            return await self.arriving()
        try:
            async with asyncio.timeout_at(self.until):
                message = await self.arriving()
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        self.size += len(message.get("body", b""))
        if self.most is not None and self.size > self.most:
            raise HTTPException(413, headers={"Connection": "close"})
        self.whole = not message.get("more_body", False)
        return message


def _head_bytes(scope: Scope) -> int:
    named = sum(len(name) + len(value) for name, value in scope["headers"])
    return named + len(scope["path"]) + len(scope["query_string"])


def _ignore_result(work: "asyncio.Future[None]") -> None:
    """Take note of how late work ended, so that nothing complains that nobody did."""
    if not work.cancelled():
        work.exception()


UNCOUNTED_PATHS = ("/static/", "/embed/", "/health/")
"""What costs nothing and is the same for everybody is not counted."""


def limit_rates(app: FastAPI, rates: RateLimiter) -> None:
    """Count requests by address; without a session, refuse (429) what is too much."""
    app.add_middleware(_RateLimitMiddleware, rates=rates)


@dataclass(frozen=True, slots=True)
class _RateLimitMiddleware:
    app: ASGIApp
    rates: RateLimiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(UNCOUNTED_PATHS):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        wait_s = self.rates.take(RequesterKind.ADDRESS, _client_address(request))
        request.state.wait_s = wait_s
        if wait_s and not {"authorization", "cookie"} & set(request.headers):
            await answer_to(request, _too_often(wait_s))(scope, receive, send)
            return
        await self.app(scope, receive, send)


def charge(request: Request, asker: RequesterKind, key: str) -> None:
    """Count a request on this account and no longer on its address's. Raises a problem 429."""
    rates, counted = services_of(request).rates, getattr(request.state, "wait_s", None)
    if counted == 0:
        rates.give_back(RequesterKind.ADDRESS, _client_address(request))
        request.state.wait_s = None
    if wait_s := rates.take(asker, key):
        raise _too_often(wait_s)


def refund(request: Request) -> None:
    """On nobody's account: its sender proved who they are, and may be in haste."""
    if getattr(request.state, "wait_s", None) == 0:
        services_of(request).rates.give_back(RequesterKind.ADDRESS, _client_address(request))
        request.state.wait_s = None


def refuse_over_limit(request: Request) -> None:
    """For a request that turned out to be nobody's: a problem 429 where its address has none left.

    To be called where a credential was shown and named nobody.
    """
    if wait_s := getattr(request.state, "wait_s", None):
        raise _too_often(wait_s)


def _client_address(request: Request) -> str:
    return address_key(request.client.host if request.client else "")


def _too_often(wait_s: int) -> Problem:
    detail = f"Vous avez fait trop de demandes : recommencez dans {wait_s}\u00a0s."
    return Problem(429, detail, {"Retry-After": str(wait_s)}, code="too_often")
