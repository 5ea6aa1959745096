"""A server that answers every request wrongly, on every protocol."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

Manner = Literal["silent", "dripping", "half", "closing", "garbage", "sign_in"]
MANNERS: tuple[Manner, ...] = ("silent", "dripping", "half", "closing", "garbage", "sign_in")

_SIGN_IN = b"<!DOCTYPE html><html><title>Connexion</title><form method=post>Mot de passe</form>"
_HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
_HALF = _HEADERS % (b"application/json", 4_000) + b'{"batchcomplete": true, "query": {"pages": ['
_SAID = {
    "half": _HALF,
    "closing": b"",
    "garbage": bytes(range(256)) * 8,
    "sign_in": _HEADERS % (b"text/html", len(_SIGN_IN)) + _SIGN_IN,
}


@contextmanager
def hostile_server(manner: Manner) -> Iterator[int]:
    """Its port. `silent` takes what is asked and never answers, `dripping` begins without end."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(listening, manner, over), daemon=True).start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            over.set()
            # A thread that accepts is not woken by a close alone.
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, manner: Manner, over: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while not over.is_set():
            client, _ = listening.accept()
            threading.Thread(target=_speak, args=(client, manner, over), daemon=True).start()


def _speak(client: socket.socket, manner: Manner, over: threading.Event) -> None:
    with client, contextlib.suppress(OSError):
        client.recv(65_536)
        if manner == "silent":
            over.wait()
        elif manner == "dripping":
            # The beginning of an LDAP message of 16 MB, and of a header that goes on.
            client.sendall(b"\x30\x84\x00\xff\xff\xff")
            while not over.wait(0.05):
                client.sendall(b"\x02")
        else:
            client.sendall(_SAID[manner])
