"""HTTP requests to a wiki: its own host only, one at a time, rate-limited, with time limits.

mwclient takes a `WikiTransport` as its connection pool. It refuses other hosts, waits as long
as the wiki asks for (`Retry-After`, maxlag, 429, 5xx), and ends answers that never end.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from itertools import count
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from connectors.ports import SourceRefused, SourceUnreachable
from connectors.timeouts import call_with_timeout


@dataclass(frozen=True, slots=True)
class WikiLimits:
    """What a wiki can be asked to bear, and for how long it is waited for.

    `timeout_s` bounds each silence, `total_timeout_s` a whole answer, `max_wait_s` the sum of
    the waits of one request. `maxlag_s`: a wiki whose replicas lag by more is left alone.
    """

    rate_per_s: float = 10.0
    timeout_s: float = 30.0
    total_timeout_s: float = 300.0
    max_wait_s: float = 300.0
    maxlag_s: int = 5
    max_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WikiConfig:
    """A wiki: `url` is the address of api.php, or of the folder that it stands in.

    `namespaces` names the readers of each namespace that is read, `allowed` those of the
    main one where `namespaces` does not. `user` may be a bot password's (`account@name`).
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    namespaces: Mapping[str, Sequence[str]] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()
    ca_file: str = ""
    limits: WikiLimits = field(default_factory=WikiLimits)

    @property
    def root(self) -> str:
        """The folder that api.php is in, with a slash at its end."""
        return self.url.removesuffix("api.php").rstrip("/") + "/"


CHUNK_BYTES = 64 * 1024
MAX_TRIES = 3
"""So often is asked of a wiki that does not answer; one that says «later» is asked for longer."""
MAX_REDIRECTS = 3
MAX_WAIT_S = 120.0
USER_AGENT = "quisait (mwclient)"


@dataclass(frozen=True, slots=True)
class WikiResponse:
    """A whole answer, as mwclient reads one."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The body; the API always answers in UTF-8."""
        return self.content.decode("utf-8", "replace")

    def raise_for_status(self) -> None:
        """Raise `requests.HTTPError` where the wiki says that it did not answer the question."""
        if self.status_code >= HTTPStatus.BAD_REQUEST:
            raise requests.HTTPError(f"{self.status_code}")


@dataclass(frozen=True, slots=True)
class RetryLater:
    """The wiki did not answer, or asks to come back: after `wait_s` where it says when."""

    reason: str
    wait_s: float | None = None
    answered: bool = True


@dataclass(slots=True)
class WikiTransport:
    """Requests to the host of `root`, the address of the folder that api.php is in."""

    root: str
    limits: WikiLimits = field(default_factory=WikiLimits)
    ca_file: str = ""
    sleep: Callable[[float], None] = time.sleep
    _session: requests.Session = field(default_factory=requests.Session)
    _not_before: float = 0.0

    def __post_init__(self) -> None:
        # Neither a proxy nor a password of the machine's own files.
        self._session.trust_env = False
        self._session.headers["User-Agent"] = USER_AGENT
        self._session.verify = self.ca_file or True

    @property
    def host(self) -> str:
        """The configured host, with its port."""
        return urlsplit(self.root).netloc

    def same_host(self, url: str) -> bool:
        """Whether an address is on the configured host, by the same scheme."""
        asked, own = urlsplit(url), urlsplit(self.root)
        return (asked.scheme, asked.netloc.lower()) == (own.scheme, own.netloc.lower())

    def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        **_said_by_mwclient: object,
    ) -> WikiResponse:
        """Ask until an answer comes. Raises `SourceUnreachable` or `SourceRefused`.

        An answer may be an error of the 4xx kind: what it means is for the caller to say.
        """
        waited = 0.0
        for attempt in count(1):
            said = self._follow(method, url, params, data)
            if isinstance(said, WikiResponse):
                return said
            wait_s = said.wait_s if said.wait_s is not None else float(2 ** min(attempt, 6))
            out_of_tries = not said.answered and attempt >= MAX_TRIES
            if out_of_tries or waited + wait_s > self.limits.max_wait_s:
                raise SourceUnreachable(f"Le wiki {self.host} {said.reason}")
            self.wait(wait_s)
            waited += wait_s
        raise AssertionError  # count() has no end

    def wait(self, wait_s: float) -> None:
        """Leave the wiki alone for a while."""
        self.sleep(min(wait_s, MAX_WAIT_S))

    def _follow(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None,
        data: Mapping[str, object] | None,
    ) -> WikiResponse | RetryLater:
        """One try, along redirects that stay on the host."""
        for _ in range(MAX_REDIRECTS + 1):
            if not self.same_host(url):
                raise SourceRefused(
                    f"Le wiki {self.host} renvoie vers {urlsplit(url).netloc} : seul l'hôte réglé "
                    "est lu. Corrigez « url » si le wiki a déménagé."
                )
            said = self._once(method, url, params, data)
            location = said.headers.get("Location") if isinstance(said, WikiResponse) else None
            if location is None or method != "GET" or said.status_code not in range(300, 400):  # type: ignore[union-attr]
                return said
            url, params = urljoin(url, location), None
        raise SourceRefused(f"Le wiki {self.host} renvoie sans fin d'une adresse à l'autre.")

    def _once(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None,
        data: Mapping[str, object] | None,
    ) -> WikiResponse | RetryLater:
        self._pace()

        def ask() -> WikiResponse | RetryLater:
            response = self._session.request(
                method,
                url,
                params=params,  # type: ignore[arg-type]  # mwclient's values are all text
                data=data,
                timeout=self.limits.timeout_s,
                allow_redirects=False,
                stream=True,
            )
            with response:
                return _interpret(response, self._body(response))

        try:
            # A byte of its headers now and then would keep every silence short.
            return call_with_timeout(self.limits.total_timeout_s, ask, requests.Timeout())
        except requests.exceptions.SSLError as error:
            raise SourceRefused(
                f"Le certificat de {self.host} n'est pas reconnu : réglez « ca_file »."
            ) from error
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            return RetryLater("ne répond pas à temps : il sera relu plus tard.", answered=False)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
            return RetryLater("ne répond pas : vérifiez l'adresse et le réseau.", answered=False)

    def _body(self, response: requests.Response) -> bytes:
        """The whole body, within its bounds. Raises as `requests`, or `SourceUnreachable`."""
        body, deadline = bytearray(), time.monotonic() + self.limits.total_timeout_s
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > self.limits.max_bytes:
                raise SourceUnreachable(
                    f"Le wiki {self.host} a répondu plus de {self.limits.max_bytes} octets."
                )
            if time.monotonic() > deadline:
                raise requests.Timeout
        return bytes(body)

    def _pace(self) -> None:
        """Keep to the rate: requests are at least 1 / rate apart."""
        now = time.monotonic()
        if self._not_before > now:
            self.sleep(self._not_before - now)
        if self.limits.rate_per_s > 0:
            self._not_before = max(now, self._not_before) + 1 / self.limits.rate_per_s


def _interpret(response: requests.Response, body: bytes) -> WikiResponse | RetryLater:
    """Whether this is an answer, or a wish to be asked later."""
    status, asked = response.status_code, _retry_after(response.headers.get("Retry-After"))
    if "X-Database-Lag" in response.headers:
        return RetryLater("a trop de retard sur ses copies : il sera relu plus tard.", asked or 5.0)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RetryLater("limite le rythme des lectures : réduisez « rate_per_s ».", asked)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        unasked = f"est en panne (réponse {status}) : il sera relu plus tard."
        return RetryLater(unasked, asked, answered=asked is not None)
    return WikiResponse(status, response.headers, body)


def _retry_after(header: str | None) -> float | None:
    """Seconds, from a number of them or a date (RFC 9110, 10.2.3); None where nothing is said."""
    if not header:
        return None
    if header.strip().isdigit():
        return max(1.0, float(header))
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(1.0, (aware - datetime.now(UTC)).total_seconds())
