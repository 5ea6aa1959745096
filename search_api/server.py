"""The HTTP server: uvicorn, with a timeout for the head of a request.

A connection that does not send a whole head in time is closed (slowloris): uvicorn has no timeout
for the first head, and its keep-alive timer stops at the first byte of the next. Query strings are
not logged, because they tell what a person is looking for.
"""

import asyncio
import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from threading import Thread

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from search_api.listening import MAX_CONNECTIONS, open_port

HEAD_S = 15.0
"""Seconds from the connection, or the end of a response, to a whole request head."""
HEAD_BYTES = 32 * 1024


class HeadTimeoutProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with a timeout while it waits for a request head."""

    head_s: float = HEAD_S
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer."""
        super().connection_made(transport)
        self._start()

    def handle_events(self) -> None:
        """Stop the timer once the head is complete."""
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()

    def on_response_complete(self) -> None:
        """Restart the timer, because reading the rest of a body counts as waiting for a head."""
        self._start()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        self._stop()
        self._timer = self.loop.call_later(self.head_s, self._ended)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ended(self) -> None:
        if not self.transport.is_closing():
            if self.conn.our_state is h11.IDLE and self.conn.their_state is h11.IDLE:
                self.conn.send(h11.ConnectionClosed())
            self.transport.close()


class _WithoutTexts(logging.Filter):
    """Logs the class of an error that reaches the server, not its text, which may hold a query."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record; replace the message of a record with an error."""
        if record.exc_info and record.exc_info[0]:
            record.msg, record.args = "unexpected error: %s", (record.exc_info[0].__name__,)
            record.exc_info, record.exc_text = None, None
        return True


LOOPBACK = ("127.0.0.1", "::1")

STOP_S = 5
"""Time that running requests may take when the server stops, in seconds."""


@contextmanager
def serving(
    app: FastAPI, host: str, port: int, proxies: Collection[str] = LOOPBACK
) -> Iterator[Thread]:
    """Serve in a thread while the block runs.

    Raises `ValueError` if the server cannot listen at the address.
    """
    with open_port(host, port) as listening:
        running = server(app, host, port, proxies)
        thread = Thread(
            target=running.run, args=([listening],), name=f"server {host}:{port}", daemon=True
        )
        thread.start()
        try:
            yield thread
        finally:
            running.should_exit = True
            thread.join(2 * STOP_S)


def server(
    app: FastAPI, host: str, port: int, proxies: Collection[str] = LOOPBACK
) -> uvicorn.Server:
    """Return a server for an application, not yet started.

    `X-Forwarded-For` is only trusted from `proxies`, so that a client cannot claim the address of
    this machine or of other readers.
    """
    errors = logging.getLogger("uvicorn.error")
    if not any(isinstance(one, _WithoutTexts) for one in errors.filters):
        errors.addFilter(_WithoutTexts())
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        server_header=False,
        log_config=None,
        log_level="warning",
        http=HeadTimeoutProtocol,
        h11_max_incomplete_event_size=HEAD_BYTES,
        limit_concurrency=MAX_CONNECTIONS,
        ws="none",
        proxy_headers=True,
        forwarded_allow_ips=list(proxies),
        timeout_graceful_shutdown=STOP_S,
    )
    return uvicorn.Server(config)
