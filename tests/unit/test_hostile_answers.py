"""Answers of a hostile host: invalid addresses and dates, redirects that contain a secret."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from connectors.http_host import HttpHost, ResponseTooLarge
from connectors.http_limits import HttpLimits
from connectors.ports import SourceRefused, SourceUnreachable
from tests.http_server import Handler, serving

pytestmark = [pytest.mark.sources, pytest.mark.trust]

LIMITS = HttpLimits(rate_per_s=0, timeout_s=5, total_timeout_s=10, max_wait_s=0)


@contextmanager
def answering(status: int, body: bytes = b"", **headers: str) -> Iterator[HttpHost]:
    """A server that answers this, whatever is asked."""

    class Answering(Handler):
        def answer(self) -> None:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            self.say(status, body, named)

    with serving(Answering) as origin:
        yield HttpHost(f"{origin}/", LIMITS)


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://[ailleurs/", "une adresse illisible"),
        ("https://ana:secret@ailleurs.exemple/", "vers ailleurs.exemple :"),
    ],
)
def test_a_host_that_leads_elsewhere_is_refused_without_an_account(
    location: str, said: str
) -> None:
    """Even where that is no address; an account that stands in it is not repeated."""
    with answering(302, Location=location) as host:
        with pytest.raises(SourceRefused, match=said) as caught:
            host.request("GET", host.root)
        assert "secret" not in str(caught.value)


def test_a_redirect_is_not_held_beyond_the_limits() -> None:
    """What it holds is unpacked as it is read, as of any other answer."""
    packed = gzip.compress(bytes(20_000_000))
    with answering(302, packed, Location="/", Content_Encoding="gzip") as host:
        host.limits = replace(LIMITS, max_bytes=1_000_000)
        with pytest.raises(ResponseTooLarge):
            host.request("GET", host.root)


def test_a_moment_out_of_any_calendar_is_none() -> None:
    """To wait until then is not asked of anybody."""
    with (
        answering(503, Retry_After="Mon, 01 Jan 99999999999 00:00:00 GMT") as host,
        pytest.raises(SourceUnreachable, match="503"),
    ):
        host.request("GET", host.root)


def test_a_host_that_never_responded_is_tried_once() -> None:
    """One that responded before is tried again."""
    waits: list[float] = []
    with answering(200) as host:
        host.limits, host.sleep = replace(LIMITS, max_wait_s=60), waits.append
        absent = replace(host, _responded=False)
        host.request("GET", host.root)
    for one, expected in ((host, [2.0, 4.0]), (absent, [])):
        waits.clear()
        with pytest.raises(SourceUnreachable):
            one.request("GET", one.root)
        assert waits == expected
