"""No web source leads to the metadata addresses where cloud machines get their secrets."""

from ipaddress import ip_address
from socket import create_server
from threading import Thread

import pytest

from connectors import metadata_addresses
from connectors.http_host import HttpHost
from connectors.metadata_addresses import is_metadata_address
from connectors.ports import SourceRefused
from tests.http_server import Handler, serving

pytestmark = [pytest.mark.sources, pytest.mark.trust]


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "169.254.1.1", "168.63.129.16", "100.100.100.200"),
        *("fe80::1", "fd00:ec2::254", "fd20:ce::254"),
        *("fd00:c1::a9fe:a9fe", "fd00:c1:ffff::1", "fd00:a9fe:a9fe::1", "fd00:a9fe:a9fe:1::254"),
        *("::ffff:169.254.169.254", "::169.254.169.254", "::ffff:168.63.129.16"),
        *("64:ff9b::a9fe:a9fe", "64:ff9b::168.63.129.16", "64:ff9b:1::a9fe:a9fe"),
        *("64:ff9b:1:a9fe:a9:fe00::", "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::"),
    ],
)
def test_they_are_told_from_others(address: str) -> None:
    assert is_metadata_address(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "::1", "fd00::1", "192.0.2.1", "64:ff9b::a00:1", "2002:a00:1::1"],
)
def test_internal_hosts_are_none(address: str) -> None:
    """An intranet is what quisait is made to read."""
    assert not is_metadata_address(ip_address(address))


def test_nothing_is_sent_there_whatever_name_leads_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is that of the connection: here, the one of a server that counts requests."""
    asked: list[str] = []

    class Counting(Handler):
        def answer(self) -> None:
            asked.append(self.path)
            self.say()

    with serving(Counting) as origin:
        address = origin.replace("127.0.0.1", "localhost")
        assert HttpHost(address).request("GET", address).status_code == 200
        forbidden = frozenset({ip_address("127.0.0.1")})
        monkeypatch.setattr(metadata_addresses, "METADATA_ADDRESSES", forbidden)
        with pytest.raises(SourceRefused, match="adresse interdite"):
            HttpHost(address).request("GET", address)
    assert asked == ["/"]


def test_no_handshake_begins_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is looked at before TLS: the server is sent no byte, and so no name of a host."""
    received: list[bytes] = []
    with create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            connected, _ = server.accept()
            with connected:
                received.append(connected.recv(1))

        waiting = Thread(target=accept)
        waiting.start()
        forbidden = frozenset({ip_address("127.0.0.1")})
        monkeypatch.setattr(metadata_addresses, "METADATA_ADDRESSES", forbidden)
        address = f"https://localhost:{server.getsockname()[1]}/"
        with pytest.raises(SourceRefused, match="adresse interdite"):
            HttpHost(address).request("GET", address)
        waiting.join(10)
    assert received == [b""]
