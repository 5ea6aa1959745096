"""The engine's faults as errors of ours; no text of a document or question goes into them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from opensearchpy.exceptions import ConnectionError as NoConnection
from opensearchpy.exceptions import SerializationError, SSLError, TransportError

from indexer.errors import IndexRefused, IndexUnreachable

TOO_MANY_REQUESTS = 429
SERVER_ERRORS = 500
CLOSED_TO_WRITES = "cluster_block_exception"
"""What the engine answers to every write once its disk is full."""

# The engine quotes what it could not keep.
_QUOTED = re.compile(r"(Preview of field's value|The prefix of the first immense term).*", re.S)


def passing(status: int) -> bool:
    """Whether trying again later may help."""
    return status == TOO_MANY_REQUESTS or status >= SERVER_ERRORS


def refuse(status: int, kind: str) -> NoReturn:
    """Raise `IndexUnreachable` or `IndexRefused`, whichever that HTTP status means."""
    if kind == CLOSED_TO_WRITES:
        raise IndexUnreachable(
            "OpenSearch a fermé l'index aux écritures, sans doute parce que son disque est plein : "
            "faites-y de la place, puis relancez."
        )
    if passing(status):
        raise IndexUnreachable(
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
        raise IndexUnreachable(
            "OpenSearch ne répond pas : démarrez-le, ou réglez [index] url."
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
    said = fault.lower()
    if "expired" in said:
        return "Le certificat d'OpenSearch a expiré : renouvelez-le."
    if "mismatch" in said or "doesn't match" in said or "not valid for" in said:
        return (
            "Le certificat d'OpenSearch est au nom d'un autre hôte : réglez [index] url sur le nom "
            "qu'il porte."
        )
    if "certificate verify failed" in said:
        return (
            "Le certificat d'OpenSearch n'est pas d'une autorité connue : réglez [index] ca_file."
        )
    return "Ce qui répond à [index] url ne parle pas TLS : vérifiez l'adresse et le port."


def reason(error: dict[str, Any]) -> str:
    """Why one document was not kept, its content left out."""
    innermost = error
    while isinstance(innermost.get("caused_by"), dict):
        innermost = innermost["caused_by"]
    told = _QUOTED.sub("", str(innermost.get("reason", ""))).strip()
    return f"{innermost.get('type', 'error')}: {told}"[:300]
