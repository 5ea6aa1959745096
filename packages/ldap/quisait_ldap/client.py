"""Read an LDAP server page by page; failures become `SourceError`.

A search returns every entry or raises: a result that the server cut short must not look as if
people had left.
"""

import logging
import math
import socket
import ssl
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import (
    LDAPCertificateError,
    LDAPExceptionError,
    LDAPInvalidFilterError,
    LDAPSSLConfigurationError,
    LDAPStartTLSError,
)
from pyasn1.error import PyAsn1Error

from connectors.certificates import certificate_fault
from connectors.ports import SourceError, SourceRefused, SourceUnreachable
from connectors.timeouts import call_with_timeout
from quisait_ldap.config import LdapConfig

log = logging.getLogger(__name__)

PAGED_RESULTS_OID = "1.2.840.113556.1.4.319"
"""The control for paged results (RFC 2696)."""
REFERENCE = "searchResRef"
_PROTOCOL_ERRORS = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    PyAsn1Error,
    struct.error,
)
"""Exceptions that ldap3 raises for a response that is not LDAP."""
# Result codes (RFC 4511, 4.1.9), by what the administrator can do.
_RETRY_CODES = {
    3: "manque de temps",
    51: "est occupé",
    52: "n'est pas disponible",
    80: "a une panne",
}
_REFUSAL_CODES = {
    4: "limite le nombre d'entrées : donnez au compte de lecture le droit de tout lire, page par "
    "page (OpenLDAP : « limits … size.prtotal=unlimited »)",
    8: "demande une connexion protégée : réglez une adresse ldaps:// ou « start_tls »",
    10: "renvoie vers un autre serveur, qui n'est pas suivi : réglez « urls » et les bases",
    11: "limite les lectures de ce compte : faites relever cette limite",
    12: "ne sait pas donner ses entrées page par page",
    13: "demande une connexion protégée : réglez une adresse ldaps:// ou « start_tls »",
    32: "ne connaît pas cette base, ou ne la montre pas à ce compte : vérifiez « agents_base », "
    "« groups_base » et les droits du compte",
    49: "refuse le compte : vérifiez « user » et le mot de passe",
    50: "ne donne pas le droit de lire à ce compte",
}


@dataclass(frozen=True, slots=True)
class LdapEntry:
    """An entry: its DN, and its raw attribute values by lower-case attribute name."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]]

    def values(self, attribute: str) -> tuple[str, ...]:
        """Return an attribute's values as text, sorted. Raises `UnicodeDecodeError`."""
        raw = self.attributes.get(attribute.lower(), ()) if attribute else ()
        return tuple(sorted(text for value in raw if (text := value.decode("utf-8").strip())))


@dataclass(frozen=True, slots=True)
class LdapConnection:
    """One bound connection."""

    connection: Any
    config: LdapConfig
    host: str

    def entries(
        self, base: str, matching: str, attributes: Sequence[str]
    ) -> Iterator[LdapEntry | str]:
        """Yield every entry below a base; a referral is yielded as the text of its addresses.

        Raises `SourceUnreachable` or `SourceRefused` unless the result is complete.
        """
        cookie, count = b"", 0
        while True:
            page, next_cookie = self._page(base, matching, attributes, cookie)
            count += len(page)
            looping = not page and next_cookie == cookie != b""
            if looping or count > self.config.max_entries:
                raise SourceRefused(
                    f"L'annuaire {self.host} n'en finit pas : plus de "
                    f"{self.config.max_entries} entrées, ou toujours la même page. "
                    "Resserrez la base ou le filtre."
                )
            yield from page
            if not next_cookie:
                return
            cookie = next_cookie

    def _page(
        self, base: str, matching: str, attributes: Sequence[str], cookie: bytes
    ) -> tuple[list[LdapEntry | str], bytes]:
        def search() -> None:
            self.connection.search(
                base,
                matching,
                attributes=list(attributes),
                dereference_aliases=ldap3.DEREF_NEVER,
                paged_size=self.config.page_size,
                paged_criticality=True,
                paged_cookie=cookie or None,
            )

        with source_errors(self.host):
            _call_with_timeout(self.connection, self.config, self.host, search)
            result, response = self.connection.result, self.connection.response
        if not isinstance(result, dict) or result.get("type") != "searchResDone":
            raise _unreachable(self.host, "a cessé de répondre")
        check_result(self.host, result)
        control = (result.get("controls") or {}).get(PAGED_RESULTS_OID)
        if control is None:
            raise SourceRefused(f"L'annuaire {self.host} {_REFUSAL_CODES[12]}.")
        return list(map(_entry, response or ())), bytes(control["value"]["cookie"] or b"")


def _entry(result: dict[str, Any]) -> LdapEntry | str:
    if result["type"] == REFERENCE:
        return ", ".join(result.get("uri") or ("?",))
    raw = {name.lower(): values for name, values in result["raw_attributes"].items()}
    if any(";range=" in name for name in raw):
        raise SourceRefused(f"Les membres de {result['dn']} ne sont pas donnés en entier.")
    return LdapEntry(result["dn"], raw)


@contextmanager
def open_connection(config: LdapConfig) -> Iterator[LdapConnection]:
    """Connect and bind to the first server that answers.

    Raises `SourceUnreachable` or `SourceRefused`.
    """
    failed: SourceError | None = None
    for url in config.urls:
        try:
            server = _connect(config, url)
        except SourceUnreachable as error:
            failed = error
            continue
        try:
            yield server
        finally:
            _close(server.connection)
        return
    raise failed or SourceRefused("Réglez [directory.ldap] urls.")


def _connect(config: LdapConfig, url: str) -> LdapConnection:
    address = urlsplit(url)
    host, timeout_s = address.hostname or "", math.ceil(config.timeout_s)
    with source_errors(host):
        verified = ldap3.Tls(
            validate=ssl.CERT_REQUIRED,
            version=ssl.PROTOCOL_TLS_CLIENT,
            ca_certs_file=config.ca_file or None,
        )
        server = ldap3.Server(
            host,
            port=address.port or (636 if address.scheme == "ldaps" else 389),
            use_ssl=address.scheme == "ldaps",
            tls=verified,
            get_info=ldap3.NONE,
            connect_timeout=timeout_s,
        )
        connection = ldap3.Connection(
            server,
            config.user or None,
            config.password or None,
            authentication=ldap3.SIMPLE if config.user else ldap3.ANONYMOUS,
            auto_referrals=False,
            auto_range=True,
            check_names=False,
            return_empty_attributes=False,
            receive_timeout=timeout_s,
        )
    try:
        with source_errors(host):
            tls = config.start_tls and address.scheme != "ldaps"
            _call_with_timeout(connection, config, host, lambda: _bind(connection, tls=tls))
        check_result(host, connection.result)
    except SourceError:
        _close(connection)
        raise
    log.info("directory opened", extra={"host": host, "scheme": address.scheme})
    return LdapConnection(connection, config, host)


def _call_with_timeout(
    connection: Any, config: LdapConfig, host: str, call: Callable[[], None]
) -> None:
    """Limit the duration of the whole call, since slow single bytes avoid every read timeout."""
    late = _unreachable(host, "n'en finit pas de répondre")
    try:
        call_with_timeout(config.total_timeout_s, call, late)
    except SourceUnreachable:
        # The thread still reads from the socket until it is closed.
        with suppress(OSError, AttributeError):
            connection.socket.shutdown(socket.SHUT_RDWR)
        raise


def _bind(connection: Any, *, tls: bool) -> None:
    connection.open(read_server_info=False)
    if tls:
        # Before the password is sent; raises if TLS is not available.
        connection.start_tls(read_server_info=False)
    connection.bind(read_server_info=False)


def _close(connection: Any) -> None:
    try:
        connection.unbind()
    except (LDAPExceptionError, OSError):
        log.debug("directory connection closed without unbind")


@contextmanager
def source_errors(host: str) -> Iterator[None]:
    """Convert exceptions of ldap3 to `SourceError`."""
    try:
        yield
    except (LDAPCertificateError, LDAPStartTLSError, ssl.SSLError) as error:
        raise _certificate_error(host, error) from error
    except LDAPInvalidFilterError as error:
        raise SourceRefused(
            f"Le filtre de l'annuaire {host} n'est pas un filtre LDAP (RFC 4515) : corrigez "
            "« agents_filter » ou « groups_filter »."
        ) from error
    except LDAPSSLConfigurationError as error:
        raise SourceRefused("« ca_file » de l'annuaire ne se lit pas : vérifiez-le.") from error
    except LDAPExceptionError as error:
        if "certificate" in str(error).lower():
            raise _certificate_error(host, error) from error
        raise _unreachable(host, "ne répond pas") from error
    except _PROTOCOL_ERRORS as error:
        raise _unreachable(host, f"répond mal ({type(error).__name__})") from error


def check_result(host: str, result: Mapping[str, Any]) -> None:
    """Raise a `SourceError` for every result code but success."""
    code = result.get("result")
    if code in _RETRY_CODES:
        raise _unreachable(host, _RETRY_CODES[code])
    if code != 0:
        what = _REFUSAL_CODES.get(code or -1, f"refuse ({result.get('description')})")
        raise SourceRefused(f"L'annuaire {host} {what}.")


def _unreachable(host: str, what: str) -> SourceUnreachable:
    return SourceUnreachable(
        f"L'annuaire {host} {what} : il sera relu plus tard, celui d'avant reste en place."
    )


def _certificate_error(host: str, error: Exception) -> SourceError:
    if isinstance(error, LDAPStartTLSError) and "certificate" not in str(error).lower():
        return SourceRefused(
            f"L'annuaire {host} ne passe pas en TLS (StartTLS) : réglez une adresse ldaps://, ou "
            "faites-le permettre. Le mot de passe n'a pas été envoyé."
        )
    fault = certificate_fault(error, "réglez « ca_file », et le nom d'hôte tel qu'il y est écrit")
    return SourceRefused(
        f"Le certificat de l'annuaire {host} {fault}. Le mot de passe n'a pas été envoyé."
    )
