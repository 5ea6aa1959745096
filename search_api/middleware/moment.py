"""Answers of one moment: a request that only reads sees each thing in one state."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from indexer.moment import one_moment

_READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class MomentMiddleware:
    """Opens a moment (`indexer.moment`) for each request that only reads."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http" and scope["method"] in _READING:
            with one_moment():
                await self.app(scope, receive, send)
        else:
            await self.app(scope, receive, send)
