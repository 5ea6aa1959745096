"""The server. A query string reaches no log: it says what somebody is looking for."""

import errno
import logging
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn
from fastapi import FastAPI

from search_api.door.connection_clock import CONNECTIONS, HEAD_BYTES, TimedConnection


class _WithoutTexts(logging.Filter):
    """An error that reaches the server keeps its kind and loses its text: it may hold a query."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, reworded where it carries an error."""
        if record.exc_info and record.exc_info[0]:
            record.msg, record.args = "unexpected error: %s", (record.exc_info[0].__name__,)
            record.exc_info, record.exc_text = None, None
        return True


LOOPBACK = ("127.0.0.1", "::1")

STOP_S = 5
"""How long requests that began may take to end once the server stops."""


@contextmanager
def serving(
    app: FastAPI, host: str, port: int, proxies: Collection[str] = LOOPBACK
) -> Iterator[Thread]:
    """Serve in a thread while the block runs; the caller says at which address.

    Raises `ValueError` where the address cannot be listened at.
    """
    with _listening(host, port) as listening:
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


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            told = "ce port est pris : choisissez-en un autre (--port), ou arrêtez ce qui l'occupe"
        elif error.errno == errno.EACCES:
            told = "ce port est réservé à root : choisissez-en un d'au moins 1024 (--port)"
        else:
            told = "cette adresse n'est pas de cette machine : réglez [server] host, ou --host"
        raise ValueError(f"{host}:{port} : {told}.") from error


def server(
    app: FastAPI, host: str, port: int, proxies: Collection[str] = LOOPBACK
) -> uvicorn.Server:
    """The server of an application, not yet started.

    Addresses that these proxies forward are believed (`X-Forwarded-For`), so that nobody
    from elsewhere passes for somebody at this machine, or for everybody behind the proxy.
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
        http=TimedConnection,
        h11_max_incomplete_event_size=HEAD_BYTES,
        limit_concurrency=CONNECTIONS,
        ws="none",
        proxy_headers=True,
        forwarded_allow_ips=list(proxies),
        timeout_graceful_shutdown=STOP_S,
    )
    return uvicorn.Server(config)
