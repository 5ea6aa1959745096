"""HTTP requests to one host only: one at a time, rate-limited, with time limits.

`HttpHost` refuses other hosts, waits as long as the server asks for (`Retry-After`, MediaWiki's
maxlag, Matrix's `retry_after_ms`, 429, 5xx), and cuts off responses that never end. mwclient uses
one as its connection pool. It refuses to connect to cloud metadata addresses
(`is_metadata_address`), under whatever host name.
"""

import json
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from ipaddress import ip_address
from itertools import count
from socket import socket
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from connectors.certificates import certificate_fault
from connectors.http_limits import HttpLimits
from connectors.metadata_addresses import is_metadata_address
from connectors.ports import SourceRefused, SourceUnreachable
from connectors.timeouts import call_with_timeout
from connectors.values import date_of_header

CHUNK_BYTES = 64 * 1024
MAX_TRIES = 3
"""Maximum number of tries of a host that responded before; a host that never responded is tried
once.

If the host asks to retry later, `max_wait_s` is the limit.
"""
MAX_REDIRECTS = 3
MAX_WAIT_S = 120.0
USER_AGENT = "quisait"


def _refuse_metadata(host: str, connected: socket) -> None:
    """Close the connection and raise `SourceRefused` if it leads to a metadata address."""
    found = ip_address(connected.getpeername()[0].partition("%")[0])
    if is_metadata_address(found):
        connected.close()
        raise SourceRefused(
            f"L'hôte {host} mène à une adresse interdite ({found}) : une machine y "
            "donne ses propres secrets. Corrigez l'adresse de la source."
        )


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket:
        connected = super()._new_conn()
        _refuse_metadata(self.host, connected)
        return connected


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket:
        """Connect and check the address, before the TLS handshake."""
        connected = super()._new_conn()
        _refuse_metadata(self.host, connected)
        return connected


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """Checks addresses on the open connection, so that a second DNS answer cannot differ."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


class _Session(requests.Session):
    """A session that follows no redirects, which may lead to other hosts."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class ResponseTooLarge(SourceUnreachable):
    """The host's response exceeds `max_bytes` of the limits."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole response, with the attributes that mwclient reads; `url` is after redirects."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    url: str = ""

    @property
    def text(self) -> str:
        """The body, decoded as UTF-8."""
        return self.content.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The value of a JSON body, or None if it is not JSON."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None

    def raise_for_status(self) -> None:
        """Raise `requests.HTTPError` for a status of 400 or more."""
        if self.status_code >= HTTPStatus.BAD_REQUEST:
            raise requests.HTTPError(f"{self.status_code}")


class _Request(NamedTuple):
    """The parts of a request that are the same when it is sent again or redirected."""

    method: str
    data: Mapping[str, object] | bytes | None
    headers: Mapping[str, str] | None
    admits: Callable[[str], bool] | None


@dataclass(frozen=True, slots=True)
class RetryLater:
    """The host did not respond, or asks to retry later.

    `wait_s` is the wait in seconds, if the host gives one.
    """

    reason: str
    wait_s: float | None = None
    responded: bool = True


@dataclass(slots=True)
class HttpHost:
    """Sends requests to the host of `root`, a folder's address.

    `called` names it in French messages.

    `account` is a user and a password, sent with each request to this host (RFC 7617, UTF-8).
    """

    root: str
    limits: HttpLimits = field(default_factory=HttpLimits)
    ca_file: str = ""
    called: str = "Le site"
    account: tuple[str, str] | None = field(default=None, repr=False)
    sleep: Callable[[float], None] = time.sleep
    _session: requests.Session = field(default_factory=_Session)
    _not_before: float = 0.0
    _responded: bool = False

    def __post_init__(self) -> None:
        # Use no proxy or password from the machine's environment.
        self._session.trust_env = False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter())
        self._session.headers["User-Agent"] = USER_AGENT
        self._session.verify = self.ca_file or True
        if self.account:
            written = ":".join(self.account).encode()
            self._session.headers["Authorization"] = f"Basic {b64encode(written).decode()}"

    @property
    def host(self) -> str:
        """The configured host, with its port."""
        return urlsplit(self.root).netloc

    def same_host(self, url: str) -> bool:
        """Return whether a URL has the configured scheme and host."""
        try:
            other, own = urlsplit(url), urlsplit(self.root)
        except ValueError:  # not a valid URL
            return False
        return (other.scheme, other.netloc.lower()) == (own.scheme, own.netloc.lower())

    def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        admits: Callable[[str], bool] | None = None,
        **_from_mwclient: object,
    ) -> HttpResponse:
        """Send a request until it succeeds. Raises `SourceUnreachable` or `SourceRefused`.

        `data` is a form, or the raw body. The response may have a status of 4xx, which the caller
        has to handle; redirects are followed for GET only, on this host, and only to addresses for
        which `admits` returns true.
        """
        waited, asked = 0.0, _Request(method, data, headers, admits)
        for attempt in count(1):
            result = self._follow(url, params, asked)
            if isinstance(result, HttpResponse):
                return result
            wait_s = result.wait_s if result.wait_s is not None else float(2 ** min(attempt, 6))
            tries = MAX_TRIES if self._responded else 1
            out_of_tries = not result.responded and attempt >= tries
            if out_of_tries or waited + wait_s > self.limits.max_wait_s:
                raise SourceUnreachable(f"{self.called} {self.host} {result.reason}")
            self.wait(wait_s)
            waited += wait_s
        raise AssertionError  # count() has no end

    def wait(self, wait_s: float) -> None:
        """Wait before the next request, at most `MAX_WAIT_S`."""
        self.sleep(min(wait_s, MAX_WAIT_S))

    def _follow(
        self, url: str, params: Mapping[str, object] | None, asked: _Request
    ) -> HttpResponse | RetryLater:
        """Try once, following redirects on the same host."""
        for _ in range(MAX_REDIRECTS + 1):
            if not self.same_host(url):
                raise SourceRefused(
                    f"{self.called} {self.host} renvoie vers {host_of(url)} : seul l'hôte réglé "
                    "est lu. Corrigez l'adresse s'il a déménagé."
                )
            result = self._send(url, params, asked)
            if isinstance(result, RetryLater) or result.status_code not in range(300, 400):
                return result
            location = result.headers.get("Location")
            if location is None or asked.method != "GET":
                return result
            url, params = joined(url, location), None
            if asked.admits and self.same_host(url) and not asked.admits(url):
                raise SourceRefused(
                    f"{self.called} {self.host} renvoie vers une adresse que « url », « exclude » "
                    f"ou robots.txt laisse de côté ({urlsplit(url).path[:200]})."
                )
        raise SourceRefused(f"{self.called} {self.host} renvoie sans fin d'une adresse à l'autre.")

    def _send(
        self, url: str, params: Mapping[str, object] | None, asked: _Request
    ) -> HttpResponse | RetryLater:
        self._pace()

        def send() -> HttpResponse | RetryLater:
            response = self._session.request(
                asked.method,
                url,
                params=params,  # type: ignore[arg-type]  # mwclient's values are all text
                data=asked.data,
                headers=asked.headers,
                timeout=self.limits.timeout_s,
                allow_redirects=False,
                stream=True,
            )
            self._responded = True
            with response:
                return _interpret(response, self._body(response))

        try:
            # `timeout_s` never expires if the wiki sends a byte of its headers now and then.
            return call_with_timeout(self.limits.total_timeout_s, send, requests.Timeout())
        except requests.exceptions.SSLError as error:
            fault = certificate_fault(error, "réglez « ca_file »")
            raise SourceRefused(f"Le certificat de {self.host} {fault}.") from error
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            return RetryLater("ne répond pas à temps : il sera relu plus tard.", responded=False)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
            return RetryLater("ne répond pas : vérifiez l'adresse et le réseau.", responded=False)

    def _body(self, response: requests.Response) -> bytes:
        """Read the whole body. Raises like `requests`, or `ResponseTooLarge` beyond the limits."""
        body, deadline = bytearray(), time.monotonic() + self.limits.total_timeout_s
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > self.limits.max_bytes:
                raise ResponseTooLarge(
                    f"{self.called} {self.host} a répondu plus de {self.limits.max_bytes} octets."
                )
            if time.monotonic() > deadline:
                raise requests.Timeout
        return bytes(body)

    def _pace(self) -> None:
        """Wait until the request rate allows a request: they are at least 1 / rate apart."""
        now = time.monotonic()
        if self._not_before > now:
            self.sleep(self._not_before - now)
        if self.limits.rate_per_s > 0:
            self._not_before = max(now, self._not_before) + 1 / self.limits.rate_per_s


def joined(base: str, address: str) -> str:
    """Return `urljoin` of both, or `address` unchanged if it is invalid."""
    try:
        return urljoin(base, address)
    except ValueError:
        return address


def host_of(url: str) -> str:
    """Return the host of an address, without the user name and password before it."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2][:100]
    except ValueError:
        return "une adresse illisible"


def _interpret(response: requests.Response, body: bytes) -> HttpResponse | RetryLater:
    """Return the response, or the wait that it asks for."""
    status, wait_s = response.status_code, _retry_after(response.headers.get("Retry-After"))
    if "X-Database-Lag" in response.headers:
        reason = "a trop de retard sur ses copies : il sera relu plus tard."
        return RetryLater(reason, wait_s or 5.0)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait_s = wait_s or _retry_after_ms(body)
        return RetryLater("limite le rythme des lectures : réduisez « rate_per_s ».", wait_s)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        reason = f"est en panne (réponse {status}) : il sera relu plus tard."
        return RetryLater(reason, wait_s, responded=wait_s is not None)
    return HttpResponse(status, response.headers, body, response.url)


def _retry_after_ms(body: bytes) -> float | None:
    """Return the `retry_after_ms` of a Matrix error in seconds, or None if there is none."""
    try:
        wait_ms = json.loads(body)["retry_after_ms"]
        return max(1.0, float(wait_ms) / 1000)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _retry_after(header: str | None) -> float | None:
    """Return the seconds of `Retry-After`, a number or date (RFC 9110, 10.2.3), or None."""
    if not header:
        return None
    if header.strip().isdecimal():
        return max(1.0, float(header))
    moment = date_of_header(header)
    return max(1.0, (moment - datetime.now(UTC)).total_seconds()) if moment else None
