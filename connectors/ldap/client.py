"""Read an LDAP server page by page; its failures are raised as a source's errors.

A search returns every entry or raises: a result that the server cut short must not be taken
for people who left.
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

from connectors.ldap.config import LdapBranch, LdapConfig
from connectors.ports import SourceError, SourceRefused, SourceUnreachable
from connectors.timeouts import call_with_timeout

log = logging.getLogger(__name__)

PAGED_RESULTS_OID = "1.2.840.113556.1.4.319"
"""The control of RFC 2696."""
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
"""What ldap3 stumbles over when an answer is none of LDAP."""
# What a server may answer (RFC 4511, 4.1.9), by what can be done about it.
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
    """An entry by its name (DN), its attributes by lower-case name, values as they came."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]]

    def values(self, attribute: str) -> tuple[str, ...]:
        """Its values, sorted. Raises `UnicodeDecodeError` for what is not text."""
        raw = self.attributes.get(attribute.lower(), ()) if attribute else ()
        return tuple(sorted(text for value in raw if (text := value.decode("utf-8").strip())))


@dataclass(frozen=True, slots=True)
class LdapConnection:
    """One opened connection."""

    connection: Any
    place: LdapConfig
    host: str

    def entries(self, branch: LdapBranch, attributes: Sequence[str]) -> Iterator[LdapEntry | str]:
        """Every entry of a branch; the address of a part that stands elsewhere, as text.

        Raises `SourceUnreachable` or `SourceRefused` unless the server says that it is all.
        """
        cookie, seen = b"", 0
        while True:
            page, following = self._page(branch, attributes, cookie)
            seen += len(page)
            if seen > self.place.limits.max_entries or (not page and following == cookie != b""):
                raise SourceRefused(
                    f"L'annuaire {self.host} n'en finit pas : plus de "
                    f"{self.place.limits.max_entries} entrées, ou toujours la même page. "
                    "Resserrez la base ou le filtre."
                )
            yield from page
            if not following:
                return
            cookie = following

    def _page(
        self, branch: LdapBranch, attributes: Sequence[str], cookie: bytes
    ) -> tuple[list[LdapEntry | str], bytes]:
        limits = self.place.limits

        def ask() -> None:
            self.connection.search(
                branch.base,
                branch.filter,
                attributes=list(attributes),
                dereference_aliases=ldap3.DEREF_NEVER,
                paged_size=limits.page_size,
                paged_criticality=True,
                paged_cookie=cookie or None,
            )

        with source_errors(self.host):
            _call_with_timeout(self.connection, self.place, self.host, ask)
            result, response = self.connection.result, self.connection.response
        if not isinstance(result, dict) or result.get("type") != "searchResDone":
            raise _unreachable(self.host, "a cessé de répondre")
        check_result(self.host, result)
        control = (result.get("controls") or {}).get(PAGED_RESULTS_OID)
        if control is None:
            raise SourceRefused(f"L'annuaire {self.host} {_REFUSAL_CODES[12]}.")
        return [_entry(one) for one in response or ()], bytes(control["value"]["cookie"] or b"")


def _entry(one: dict[str, Any]) -> LdapEntry | str:
    if one["type"] == REFERENCE:
        return ", ".join(one.get("uri") or ("?",))
    raw = {name.lower(): values for name, values in one["raw_attributes"].items()}
    if any(";range=" in name for name in raw):
        raise SourceRefused(f"Les membres de {one['dn']} ne sont pas donnés en entier.")
    return LdapEntry(one["dn"], raw)


@contextmanager
def open_connection(place: LdapConfig) -> Iterator[LdapConnection]:
    """The first server that answers, bound. Raises `SourceUnreachable` or `SourceRefused`."""
    failed: SourceError | None = None
    for url in place.urls:
        try:
            server = _connect(place, url)
        except SourceUnreachable as error:
            failed = error
            continue
        try:
            yield server
        finally:
            _close(server.connection)
        return
    raise failed or SourceRefused("Réglez [directory.ldap] urls.")


def _connect(place: LdapConfig, url: str) -> LdapConnection:
    address = urlsplit(url)
    host, timeout_s = address.hostname or "", math.ceil(place.limits.timeout_s)
    with source_errors(host):
        verified = ldap3.Tls(
            validate=ssl.CERT_REQUIRED,
            version=ssl.PROTOCOL_TLS_CLIENT,
            ca_certs_file=place.ca_file or None,
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
            place.user or None,
            place.password or None,
            authentication=ldap3.SIMPLE if place.user else ldap3.ANONYMOUS,
            auto_referrals=False,
            auto_range=True,
            check_names=False,
            return_empty_attributes=False,
            receive_timeout=timeout_s,
        )
    try:
        with source_errors(host):
            tls = place.start_tls and address.scheme != "ldaps"
            _call_with_timeout(connection, place, host, lambda: _bind(connection, tls=tls))
        check_result(host, connection.result)
    except SourceError:
        _close(connection)
        raise
    log.info("directory opened", extra={"host": host, "scheme": address.scheme})
    return LdapConnection(connection, place, host)


def _call_with_timeout(
    connection: Any, place: LdapConfig, host: str, ask: Callable[[], None]
) -> None:
    """A byte now and then would keep every silence short: the whole answer is bounded too."""
    late = _unreachable(host, "n'en finit pas de répondre")
    try:
        call_with_timeout(place.limits.total_timeout_s, ask, late)
    except SourceUnreachable:
        # It is still being read from: that ends with the line.
        with suppress(OSError, AttributeError):
            connection.socket.shutdown(socket.SHUT_RDWR)
        raise


def _bind(connection: Any, *, tls: bool) -> None:
    connection.open(read_server_info=False)
    if tls:
        # Before the password is sent; an exception where TLS does not begin.
        connection.start_tls(read_server_info=False)
    connection.bind(read_server_info=False)


def _close(connection: Any) -> None:
    try:
        connection.unbind()
    except (LDAPExceptionError, OSError):
        log.debug("directory left without a farewell")


@contextmanager
def source_errors(host: str) -> Iterator[None]:
    """What ldap3 raises, as a source's error."""
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
    """Raises for every result but success."""
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
    return SourceRefused(
        f"Le certificat de l'annuaire {host} n'est pas reconnu : réglez « ca_file », et le nom "
        "d'hôte tel qu'il y est écrit. Le mot de passe n'a pas été envoyé."
    )
