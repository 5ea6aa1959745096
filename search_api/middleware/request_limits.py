"""Middleware that limits requests: their size, their time, and their rate.

A request is first counted for its address. A route that identifies the sender calls `charge`, which
counts the request for that reader or token instead. Therefore agents behind one address do not
share one limit, while senders of invented names or tokens keep the limit of their address.
"""

import asyncio
from dataclasses import dataclass

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.limits import RateLimiter, RequesterKind, RequestTimeouts, address_key
from search_api.problems import Problem, answer_to
from search_api.server import HEAD_BYTES
from search_api.services import services_of

MAX_FORM_BYTES = 256 * 1024
"""Largest body of a request; the pages' forms are much smaller. Only the paths of features that
limit it themselves accept more (`WebFeature.large_bodies`).
"""


@dataclass(frozen=True, slots=True)
class SizeAndTimeMiddleware:
    """Answers 413 to bodies that are too large, 408 to slow bodies, 503 to slow requests.

    A thread that works on the request is not cancelled, but its result is ignored.
    """

    app: ASGIApp
    timeouts: RequestTimeouts
    large_bodies: tuple[str, ...] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _head_bytes(scope) > HEAD_BYTES:
            # The server applies its own limit only to headers that arrive in several pieces.
            await answer_to(Request(scope), Problem(431))(scope, receive, send)
            return
        is_large = scope["path"].startswith(self.large_bodies)
        body = _LimitedBody(receive, None if is_large else MAX_FORM_BYTES)
        answer = _GuardedSend(send, body)
        body.until = asyncio.get_running_loop().time() + self.timeouts.body_s
        work = asyncio.ensure_future(self.app(scope, body.receive, answer.send))
        try:
            await asyncio.wait({work}, timeout=self.timeouts.body_s + self.timeouts.answer_s)
            if body.refused and not answer.started:
                work.cancel()
                work.add_done_callback(_ignore_result)
                await answer_to(Request(scope), body.refused)(scope, receive, send)
                return
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
    """The `send` of the application, ignored after another answer was sent or is to be sent."""

    to: Send
    body: "_LimitedBody"
    started: bool = False
    late: bool = False

    async def send(self, message: Message) -> None:
        if not self.late and (self.started or not self.body.refused):
            self.started = True
            await self.to(message)


@dataclass(slots=True)
class _LimitedBody:
    """The `receive` of the application.

    It allows at most `most` bytes (None: no limit), until a time of the event loop. `refused` is
    the answer to a body beyond: the middleware sends it, since an application inside, like that of
    the Model Context Protocol, answers 500 to what is raised while it reads.
    """

    arriving: Receive
    most: int | None
    until: float = 0.0
    size: int = 0
    whole: bool = False
    refused: Problem | None = None

    async def receive(self) -> Message:
        """Return the next message. Raises a problem 408 or 413 into the application."""
        if self.whole:
            return await self.arriving()
        try:
            async with asyncio.timeout_at(self.until):
                message = await self.arriving()
        except TimeoutError:
            raise self._refused(408) from None
        self.size += len(message.get("body", b""))
        if self.most is not None and self.size > self.most:
            raise self._refused(413)
        self.whole = not message.get("more_body", False)
        return message

    def _refused(self, status: int) -> Problem:
        self.refused = Problem(status, headers={"Connection": "close"})
        return self.refused


def _head_bytes(scope: Scope) -> int:
    named = sum(len(name) + len(value) for name, value in scope["headers"])
    return named + len(scope["path"]) + len(scope["query_string"])


def _ignore_result(work: "asyncio.Future[None]") -> None:
    """Retrieve the exception, so that asyncio does not log it."""
    if not work.cancelled():
        work.exception()


UNCOUNTED_PATHS = ("/static/", "/embed/", "/health/")
"""Paths of files and health checks, which are not counted."""


@dataclass(frozen=True, slots=True)
class RateLimitMiddleware:
    """Counts requests by address; over the limit, refuses (429) requests without a credential."""

    app: ASGIApp
    limiter: RateLimiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["path"].startswith(UNCOUNTED_PATHS):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        wait_s = self.limiter.take(RequesterKind.ADDRESS, _client_address(request))
        request.state.wait_s = wait_s
        if wait_s and not {"authorization", "cookie"} & set(request.headers):
            await answer_to(request, _too_often(wait_s))(scope, receive, send)
            return
        await self.app(scope, receive, send)


def charge(request: Request, kind: RequesterKind, key: str) -> None:
    """Count a request for this requester instead of its address. Raises a problem 429."""
    limiter, counted = services_of(request).rate_limiter, getattr(request.state, "wait_s", None)
    if counted == 0:
        limiter.give_back(RequesterKind.ADDRESS, _client_address(request))
        request.state.wait_s = None
    if wait_s := limiter.take(kind, key):
        raise _too_often(wait_s)


def refund(request: Request) -> None:
    """Stop counting a request, because its sender was authenticated."""
    if getattr(request.state, "wait_s", None) == 0:
        services_of(request).rate_limiter.give_back(RequesterKind.ADDRESS, _client_address(request))
        request.state.wait_s = None


def refuse_over_limit(request: Request) -> None:
    """Raise a problem 429 if the sender's address is over its limit.

    Call this after a credential identified nobody.
    """
    if wait_s := getattr(request.state, "wait_s", None):
        raise _too_often(wait_s)


def _client_address(request: Request) -> str:
    return address_key(request.client.host if request.client else "")


def _too_often(wait_s: int) -> Problem:
    detail = f"Vous avez fait trop de demandes : recommencez dans {wait_s}\u00a0s."
    return Problem(429, detail, {"Retry-After": str(wait_s)}, code="too_often")
