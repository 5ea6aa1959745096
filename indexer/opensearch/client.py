"""A client of OpenSearch from an address and, where it asks for them, credentials."""

from typing import Any
from urllib.parse import urlsplit

import orjson
from opensearchpy import OpenSearch
from opensearchpy.serializer import JSONSerializer

from indexer.errors import IndexRefused
from indexer.opensearch.faults import engine_faults

TIMEOUT_S = 60.0
CONNECTIONS = 40
"""As many as threads that answer at once; kept for one only, others would connect each time."""


class QuickSerializer(JSONSerializer):
    """JSON by orjson, and by the client's own where that refuses what a source may well write.

    Half a surrogate pair, say: kept as it came, escaped, and answered as it was kept.
    """

    def loads(self, text: str) -> Any:
        """Raises the client's `SerializationError`."""
        try:
            return orjson.loads(text)
        except ValueError:
            return super().loads(text)

    def dumps(self, said: Any) -> Any:
        """Raises the client's `SerializationError`; a text stays as it is."""
        if isinstance(said, str | bytes):
            return said
        try:
            return orjson.dumps(said).decode()
        except TypeError:
            return super().dumps(said)


def connect(
    url: str, *, user: str = "", password: str = "", ca_file: str = "", timeout_s: float = TIMEOUT_S
) -> OpenSearch:
    """Connects at the first request, not before. Certificates are always verified.

    Raises `IndexRefused` where the password would cross a network in clear.
    """
    if user and not _unheard(url):
        raise IndexRefused(
            "Le mot de passe d'OpenSearch passerait en clair : réglez [index] url en https://, ou "
            "retirez [index] user."
        )
    return OpenSearch(
        hosts=[url],
        http_auth=(user, password) if user else None,
        verify_certs=True,
        ca_certs=ca_file or None,
        timeout=timeout_s,
        pool_maxsize=CONNECTIONS,
        serializer=QuickSerializer(),
    )


def _unheard(url: str) -> bool:
    """Whether nobody on a network hears what is sent: TLS, or this very machine."""
    place = urlsplit(url)
    return place.scheme == "https" or place.hostname in ("127.0.0.1", "::1", "localhost")


def drop(client: OpenSearch, alias: str) -> None:
    """Delete every index that `OpenSearchIndex` made for an alias.

    Each by its full name: an engine may refuse to delete by pattern.
    """
    with engine_faults():
        names = sorted(client.indices.get(index=f"{alias}-*"))
        if names:
            client.indices.delete(index=",".join(names))
