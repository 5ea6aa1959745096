"""No request holds this process for long: bytes and seconds of its body, seconds of its answer.

`connection_clock` bounds what comes before: the head of a request.
"""

import asyncio
from dataclasses import dataclass

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search_api.catalogue.texts import _
from search_api.door.bounds import Bounds
from search_api.door.connection_clock import HEAD_BYTES
from search_api.problems import Problem, answer_to

FORM_BYTES = 256 * 1024
"""The largest body where nothing is pushed: the pages' forms are smaller by far."""
PUSHES = ("/api/v1/push/", "/api/v1.0/documents/")
"""Where bodies are large; the sender's token and the settings' own limit stand before them."""


def bound_requests(app: FastAPI, bounds: Bounds) -> None:
    """Answer 413 to a body that is too large, 408 to one too slow, 503 where work lasts too long.

    What a thread began is not broken off; nobody waits for it any more.
    """
    app.add_middleware(_Bounded, bounds=bounds)


@dataclass(frozen=True, slots=True)
class _Bounded:
    app: ASGIApp
    bounds: Bounds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _head_bytes(scope) > HEAD_BYTES:
            # The server's own limit holds only for what arrives in several pieces.
            await answer_to(Request(scope), Problem(431))(scope, receive, send)
            return
        answer = _Answer(send)
        body = _Body(receive, None if scope["path"].startswith(PUSHES) else FORM_BYTES)
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
        work.add_done_callback(_forgotten)
        problem = Problem(
            503, _("La réponse tarde trop : réessayez."), {"Retry-After": "30"}, "late"
        )
        await answer_to(Request(scope), problem)(scope, receive, send)


@dataclass(slots=True)
class _Answer:
    """What is sent, unless another answer was given meanwhile."""

    to: Send
    started: bool = False
    late: bool = False

    async def send(self, message: Message) -> None:
        if not self.late:
            self.started = True
            await self.to(message)


@dataclass(slots=True)
class _Body:
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


def _forgotten(work: "asyncio.Future[None]") -> None:
    """Take note of how late work ended, so that nothing complains that nobody did."""
    if not work.cancelled():
        work.exception()
