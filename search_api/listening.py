"""Open the port of the HTTP server.

This module does not import the server, which takes a moment.
"""

import errno
import socket

MAX_CONNECTIONS = 800
"""Maximum number of connections; further ones get 503. A process may usually open 1024 files."""


def open_port(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the port. Raises `ValueError` if that is not possible."""
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
