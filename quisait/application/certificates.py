"""Read when the certificates of the servers in the settings expire."""

import ssl
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from urllib.parse import urlsplit

from quisait.features import installed_features
from quisait.settings import Settings

WAIT_S = 3.0
"""Longest wait for one server's certificate, in seconds."""
_PORTS = {"https": 443}

Server = tuple[str, int]
"""Host and port."""


def tls_servers(settings: Settings) -> tuple[Server, ...]:
    """Return the servers of the settings that speak TLS from the first byte, each once.

    Servers that begin with StartTLS are left out.
    """
    found = [server for feature in installed_features() for server in feature.tls_servers(settings)]
    for address in _addresses(settings):
        parts = urlsplit(address)
        if parts.scheme in _PORTS and parts.hostname:
            found.append((parts.hostname, parts.port or _PORTS[parts.scheme]))
    return tuple(dict.fromkeys(found))


def _addresses(settings: Settings) -> Iterator[str]:
    yield from (settings.sign_on.address, settings.oidc.issuer)
    if settings.index.engine == "opensearch":
        yield from settings.index.urls
    if settings.extractor.kind == "tika":
        yield settings.extractor.url
    for source in settings.sources:
        yield from (value for value in source.options.values() if isinstance(value, str))


def expiries(servers: Iterable[Server]) -> dict[Server, datetime]:
    """Return when each server's certificate expires.

    Servers that show no certificate in time are left out. Nothing is sent over these connections,
    and no certificate is trusted because of them.
    """
    asked = tuple(servers)
    if not asked:
        return {}
    with ThreadPoolExecutor(min(8, len(asked)), "certificates") as pool:
        shown = dict(zip(asked, pool.map(_expiry, asked), strict=True))
    return {server: moment for server, moment in shown.items() if moment is not None}


def _expiry(server: Server) -> datetime | None:
    from cryptography import x509  # here: most commands do not need it

    try:
        shown = ssl.get_server_certificate(server, timeout=WAIT_S)
        return x509.load_pem_x509_certificate(shown.encode()).not_valid_after_utc
    except (OSError, ValueError):
        return None
