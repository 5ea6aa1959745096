"""No web source leads to the address at which a machine is told its own secrets."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from threading import Thread

import pytest

from connectors import metadata_addresses
from connectors.http_host import HttpHost
from connectors.metadata_addresses import is_metadata_address
from connectors.ports import SourceRefused

pytestmark = [pytest.mark.sources, pytest.mark.trust]


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "169.254.1.1", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254"],
)
def test_they_are_told_from_others(address: str) -> None:
    assert is_metadata_address(ip_address(address))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "fd00::1", "192.0.2.1"])
def test_internal_hosts_are_none(address: str) -> None:
    """An intranet is what quisait is made to read."""
    assert not is_metadata_address(ip_address(address))


def test_nothing_is_sent_there_whatever_name_leads_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is that of the connection: here, the one of a server that counts requests."""
    asked: list[str] = []

    class Counting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Counting)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://localhost:{server.server_port}/"
    try:
        assert HttpHost(address).request("GET", address).status_code == 200
        forbidden = frozenset({ip_address("127.0.0.1")})
        monkeypatch.setattr(metadata_addresses, "METADATA_ADDRESSES", forbidden)
        with pytest.raises(SourceRefused, match="adresse interdite"):
            HttpHost(address).request("GET", address)
    finally:
        server.shutdown()
        server.server_close()
    assert asked == ["/"]
