"""A connection that sends no whole head of a request in time is closed (slowloris).

uvicorn waits without end for the first head, and its keep-alive clock stops at the first
byte of the next one. What follows the head is bounded by `bounded`.
"""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 15.0
"""From a connection, or the end of an answer, to a whole head."""
HEAD_BYTES = 32 * 1024
CONNECTIONS = 800
"""Beyond so many at once the answer is 503: below the usual limit of 1024 open files."""


class TimedConnection(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with a clock wherever it waits for a client's head."""

    head_s: float = HEAD_S
    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self._start()

    def handle_events(self) -> None:
        """Stop it once a head is whole."""
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()

    def on_response_complete(self) -> None:
        """Start it anew: what remains of a body counts as waiting too."""
        self._start()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop it for good."""
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        self._stop()
        self._clock = self.loop.call_later(self.head_s, self._ended)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _ended(self) -> None:
        if not self.transport.is_closing():
            if self.conn.our_state is h11.IDLE and self.conn.their_state is h11.IDLE:
                self.conn.send(h11.ConnectionClosed())
            self.transport.close()
