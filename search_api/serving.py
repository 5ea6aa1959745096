"""The server. A query string reaches no log: it says what somebody is looking for."""

import logging
import os
import socket

import uvicorn
from fastapi import FastAPI


class _WithoutTexts(logging.Filter):
    """An error that reaches the server keeps its kind and loses its text: it may hold a query."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, reworded where it carries an error."""
        if record.exc_info and record.exc_info[0]:
            record.msg, record.args = "unexpected error: %s", (record.exc_info[0].__name__,)
            record.exc_info, record.exc_text = None, None
        return True


def serve(app: FastAPI, host: str, port: int) -> None:
    """Serve until interrupted. Blocks; the caller says at which address.

    Raises `ValueError` where the address cannot be listened at.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ValueError(
            f"{host}:{port} n'est pas libre ({os.strerror(error.errno or 0)}) : choisissez un "
            "autre port (--port), ou arrêtez ce qui l'occupe."
        ) from error
    with listening:
        server(app, host, port).run(sockets=[listening])


def server(app: FastAPI, host: str, port: int) -> uvicorn.Server:
    """The server of an application, not yet started.

    Addresses that a proxy on loopback forwards are believed (`X-Forwarded-For`), so
    that nobody from elsewhere passes for somebody at this machine.
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
        ws="none",
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1,::1",
    )
    return uvicorn.Server(config)
