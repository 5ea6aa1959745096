"""A client of OpenSearch, which turns the engine's errors into `IndexerError`s.

They never contain text of a document or query.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import urlsplit

import orjson
from opensearchpy import OpenSearch, Urllib3HttpConnection
from opensearchpy.exceptions import ConnectionError as NoConnection
from opensearchpy.exceptions import ConnectionTimeout, SerializationError, SSLError, TransportError
from opensearchpy.serializer import JSONSerializer
from urllib3.util import Timeout

from connectors.options import LOOPBACK
from indexer.errors import IndexRefused, IndexUnreachable

TOO_MANY_REQUESTS = 429
UNAVAILABLE = 503
SERVER_ERRORS = 500
CLOSED_TO_WRITES = "cluster_block_exception"
"""The engine's answer to every write if its disk is full or no node leads."""

# The engine quotes the content that it refused.
_QUOTED = re.compile(r"(Preview of field's value|The prefix of the first immense term).*", re.S)


class UnavailableNow(IndexUnreachable):
    """No node answers, or no copy of a shard does; this may change in a moment."""


def passing(status: int) -> bool:
    """Return whether a retry may help."""
    return status == TOO_MANY_REQUESTS or status >= SERVER_ERRORS


def refuse(status: int, kind: str) -> NoReturn:
    """Raise `IndexUnreachable` or `IndexRefused`, depending on the HTTP status."""
    # Status 503: a node that has just lost the leader blocks everything, for a moment.
    if kind == CLOSED_TO_WRITES and status != UNAVAILABLE:
        raise IndexUnreachable(
            "OpenSearch a fermé l'index aux écritures, sans doute parce que son disque est plein : "
            "faites-y de la place, puis relancez."
        )
    if passing(status):
        unreachable = UnavailableNow if status >= SERVER_ERRORS else IndexUnreachable
        raise unreachable(
            f"OpenSearch ne peut répondre (HTTP {status}, {kind}) : réessayez plus tard."
        )
    if status in (401, 403):
        raise IndexRefused(
            f"OpenSearch refuse le compte (HTTP {status}) : vérifiez [index] user et password."
        )
    raise IndexRefused(
        f"OpenSearch a refusé la demande (HTTP {status}, {kind}) : vérifiez [index] dans "
        "quisait.toml."
    )


@contextmanager
def engine_faults() -> Iterator[None]:
    """Turn the client's exceptions into `IndexUnreachable` and `IndexRefused`."""
    try:
        yield
    except SSLError as fault:
        raise IndexRefused(_certificate(str(fault))) from fault
    except NoConnection as fault:
        raise UnavailableNow(
            "OpenSearch ne répond pas, à aucune adresse de [index] url : démarrez-le, ou réglez "
            "[index] url."
        ) from fault
    except SerializationError as fault:
        raise IndexUnreachable(
            "Ce qui répond à [index] url n'est pas OpenSearch, ou répond à moitié : vérifiez "
            "l'adresse et ce qui est entre les deux, puis relancez."
        ) from fault
    except TransportError as fault:
        status = fault.status_code if isinstance(fault.status_code, int) else SERVER_ERRORS
        refuse(status, str(fault.error))


def _certificate(fault: str) -> str:
    """Return why TLS failed, and what to do."""
    text = fault.lower()
    if "expired" in text:
        return "Le certificat d'OpenSearch a expiré : renouvelez-le."
    if "mismatch" in text or "doesn't match" in text or "not valid for" in text:
        return (
            "Le certificat d'OpenSearch est au nom d'un autre hôte : réglez [index] url sur le nom "
            "qu'il porte."
        )
    if "certificate verify failed" in text:
        return (
            "Le certificat d'OpenSearch n'est pas d'une autorité connue : réglez [index] ca_file."
        )
    return "Ce qui répond à [index] url ne parle pas TLS : vérifiez l'adresse et le port."


def reason(error: dict[str, Any]) -> str:
    """Return why a document was refused, without its content."""
    innermost = error
    while isinstance(innermost.get("caused_by"), dict):
        innermost = innermost["caused_by"]
    reason = _QUOTED.sub("", str(innermost.get("reason", ""))).strip()
    return f"{innermost.get('type', 'error')}: {reason}"[:300]


TIMEOUT_S = 60.0
CONNECT_S = 5.0
"""Timeout of a connection, in seconds; then another node is tried."""
RETRIES = 3
"""Number of retries, on other nodes if there are any."""
PROXY_STATUSES = (502, 503, 504)
AVOIDED_S, MOST_DOUBLED = 10.0, 3
"""How long a failed node is avoided, in seconds, and how often this doubles if it fails again."""
CONNECTIONS = 40
"""Number of connections kept open: as many as threads that answer at once."""


class OrjsonSerializer(JSONSerializer):
    """JSON by orjson, or by the client's serializer for values that orjson refuses.

    For example, orjson refuses lone surrogates.
    """

    def loads(self, text: str) -> Any:
        """Parse JSON. Integers beyond 64 bits become floats. Raises `SerializationError`."""
        try:
            return orjson.loads(text)
        except ValueError:
            return super().loads(text)

    def dumps(self, value: Any) -> Any:
        """Return the value as JSON; text is returned unchanged. Raises `SerializationError`."""
        if isinstance(value, str | bytes):
            return value
        try:
            return orjson.dumps(value).decode()
        except TypeError:
            return super().dumps(value)


class OneOfSeveral(Urllib3HttpConnection):
    """A connection to one of several nodes, which passes late reads on to another node.

    The client itself repeats a failed request on another node, but not a request without an answer
    in time. A read may be sent twice; a late write is repeated by its writer (`WriteFence`).
    """

    def perform_request(  # noqa: PLR0913 - the client's own signature
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        timeout: float | None = None,
        ignore: Collection[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request; a read gets its share of the timeout. Raises `TransportError`."""
        if not _is_read(method, url):
            return super().perform_request(method, url, params, body, timeout, ignore, headers)
        # `connect` passes urllib3's `Timeout`; the client's type is a number.
        given: Any = self.timeout
        whole_s = timeout or given.read_timeout
        share: Any = Timeout(connect=given.connect_timeout, read=whole_s / (RETRIES + 1))
        try:
            return super().perform_request(method, url, params, body, share, ignore, headers)
        except ConnectionTimeout as late:
            raise NoConnection("N/A", str(late), late) from late


def has_other_nodes(client: OpenSearch) -> bool:
    """Return whether the client knows more than one node."""
    return len(client.transport.hosts) > 1


def _is_read(method: str, url: str) -> bool:
    return method in ("GET", "HEAD") or url.endswith(("/_search", "/_msearch"))


def connect(
    urls: str | Sequence[str],
    *,
    user: str = "",
    password: str = "",
    ca_file: str = "",
    timeout_s: float = TIMEOUT_S,
) -> OpenSearch:
    """Return a client, which connects at its first request and always verifies certificates.

    Nodes take turns. A failed request goes to another node, and the failed node is avoided for a
    while. `timeout_s` limits a read with all its retries, and a single try of a write. Raises
    `IndexRefused` if the password would cross a network unencrypted.
    """
    nodes = [urls] if isinstance(urls, str) else list(urls)
    if user and not all(map(_is_confidential, nodes)):
        raise IndexRefused(
            "Le mot de passe d'OpenSearch passerait en clair : réglez [index] url en https://, ou "
            "retirez [index] user."
        )
    return OpenSearch(
        hosts=nodes,
        connection_class=OneOfSeveral if len(nodes) > 1 else Urllib3HttpConnection,
        # With several nodes, 503 means that no node leads yet: wait, but do not avoid the node.
        retry_on_status=() if len(nodes) > 1 else PROXY_STATUSES,
        max_retries=RETRIES,
        dead_timeout=AVOIDED_S,
        timeout_cutoff=MOST_DOUBLED,
        http_auth=(user, password) if user else None,
        verify_certs=True,
        ca_certs=ca_file or None,
        timeout=Timeout(connect=min(CONNECT_S, timeout_s), read=timeout_s),
        pool_maxsize=CONNECTIONS,
        serializer=OrjsonSerializer(),
    )


def _is_confidential(url: str) -> bool:
    """Return whether the connection cannot be overheard: TLS, or this machine."""
    place = urlsplit(url)
    return place.scheme == "https" or place.hostname in LOOPBACK


def drop(client: OpenSearch, alias: str) -> None:
    """Delete every index that `OpenSearchIndex` created for an alias.

    Each is deleted by its full name: an engine may refuse patterns.
    """
    with engine_faults():
        names = sorted(client.indices.get(index=f"{alias}-*"))
        if names:
            client.indices.delete(index=",".join(names))
