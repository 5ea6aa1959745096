"""Where the HTTP server listens; without the server, which takes a moment to import."""

import errno
import socket

MAX_CONNECTIONS = 800
"""Connections at once, beyond which the answer is 503: below the usual 1024 open files."""


def open_port(host: str, port: int) -> socket.socket:
    """Return a socket that listens there. Raises `ValueError` where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ValueError(
                f"Le port {port} est déjà pris sur {host} : choisissez-en un autre avec --port, "
                "ou arrêtez ce qui l'occupe."
            ) from error
        if error.errno == errno.EACCES:
            reason = "ce port est réservé à root : choisissez-en un d'au moins 1024 (--port)"
        else:
            reason = "cette adresse n'est pas de cette machine : réglez [server] host, ou --host"
        raise ValueError(f"{host}:{port} : {reason}.") from error
