"""A client of OpenSearch, and the engine's faults as our errors.

No text of a document or question goes into them.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import urlsplit

import orjson
from opensearchpy import OpenSearch, Urllib3HttpConnection
from opensearchpy.exceptions import ConnectionError as NoConnection
from opensearchpy.exceptions import (
    ConnectionTimeout,
    SerializationError,
    SSLError,
    TransportError,
)
from opensearchpy.serializer import JSONSerializer
from urllib3.util import Timeout

from indexer.errors import IndexRefused, IndexUnreachable

TOO_MANY_REQUESTS = 429
UNAVAILABLE = 503
SERVER_ERRORS = 500
CLOSED_TO_WRITES = "cluster_block_exception"
"""What the engine answers to every write once its disk is full, and without one that leads."""

# The engine quotes what it could not keep.
_QUOTED = re.compile(r"(Preview of field's value|The prefix of the first immense term).*", re.S)


class UnavailableNow(IndexUnreachable):
    """No node answers, or some shard has no copy that does; it may be otherwise in a moment."""


def passing(status: int) -> bool:
    """Whether trying again later may help."""
    return status == TOO_MANY_REQUESTS or status >= SERVER_ERRORS


def refuse(status: int, kind: str) -> NoReturn:
    """Raise `IndexUnreachable` or `IndexRefused`, whichever that HTTP status means."""
    # A node that has just lost the one that leads blocks everything, as unavailable.
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
    """Why TLS did not come about, and what to do."""
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
    """Why one document was not kept, its content left out."""
    innermost = error
    while isinstance(innermost.get("caused_by"), dict):
        innermost = innermost["caused_by"]
    reason = _QUOTED.sub("", str(innermost.get("reason", ""))).strip()
    return f"{innermost.get('type', 'error')}: {reason}"[:300]


TIMEOUT_S = 60.0
CONNECT_S = 5.0
"""A node that takes longer to accept a connection is passed over."""
RETRIES = 3
"""On other nodes, where there are any."""
PROXY_STATUSES = (502, 503, 504)
AVOIDED_S, MOST_DOUBLED = 10.0, 3
"""A node that failed is not asked for so long; twice as long each time that it fails again."""
CONNECTIONS = 40
"""As many as threads that answer at once; kept for one only, others would connect each time."""


class OrjsonSerializer(JSONSerializer):
    """JSON by orjson, and by the client's own where that refuses what a source may well write.

    Half a surrogate pair, say: kept as it came, escaped, and answered as it was kept.
    """

    def loads(self, text: str) -> Any:
        """Integers beyond 64 bits become floats. Raises the client's `SerializationError`."""
        try:
            return orjson.loads(text)
        except ValueError:
            return super().loads(text)

    def dumps(self, value: Any) -> Any:
        """Raises the client's `SerializationError`; a text stays as it is."""
        if isinstance(value, str | bytes):
            return value
        try:
            return orjson.dumps(value).decode()
        except TypeError:
            return super().dumps(value)


class OneOfSeveral(Urllib3HttpConnection):
    """A node that is not alone: a read that it does not answer in its share of the time goes on.

    The client sends a request that failed to another node, but not one that was late. A read
    may be sent twice; a write that was late is for its writer to send again (`WriteFence`).
    """

    def perform_request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        timeout: float | None = None,
        ignore: Collection[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Raises the client's `TransportError`."""
        if not _is_read(method, url):
            return super().perform_request(method, url, params, body, timeout, ignore, headers)
        # `connect` gives the client urllib3's own; it says that these are numbers.
        given: Any = self.timeout
        whole_s = timeout or given.read_timeout
        share: Any = Timeout(connect=given.connect_timeout, read=whole_s / (RETRIES + 1))
        try:
            return super().perform_request(method, url, params, body, share, ignore, headers)
        except ConnectionTimeout as late:
            raise NoConnection("N/A", str(late), late) from late


def has_other_nodes(client: OpenSearch) -> bool:
    """Whether another node may answer where one does not."""
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
    """Connects at the first request, not before. Certificates are always verified.

    Nodes are asked in turn; what one does not answer is asked of another, and it is left alone
    for a while. `timeout_s` bounds a read with all its tries, and one try of a write. Raises
    `IndexRefused` where the password would cross a network in clear.
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
        # A node of several that says 503 is there: it is not avoided, all wait for one that leads.
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
