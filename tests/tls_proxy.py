"""TLS and a password in front of a server, as an administrator sets them up; and who has none."""

import base64
import datetime
import http.client
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_KEPT = ("content-type", "content-encoding")
USER, PASSWORD = "lecteur", "mot-de-passe-inavouable"


@dataclass(frozen=True, slots=True)
class Authority:
    """A certification authority of ours; `file` is its certificate (PEM)."""

    folder: Path
    name: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.pem"

    def server(self, host: str = "127.0.0.1", *, days: int = 1) -> Path:
        """A certificate for a host and its key, in one file; past its time where `days` < 0."""
        key = ec.generate_private_key(ec.SECP256R1())
        named = _named(host, self.certificate.subject, days).public_key(key.public_key())
        try:
            general: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            general = x509.DNSName(host)
        named = named.add_extension(x509.SubjectAlternativeName([general]), critical=False)
        path = self.folder / f"{self.name}-{host}-{days}.pem"
        path.write_bytes(_pem(named.sign(self.key, hashes.SHA256())) + _pem_key(key))
        return path


def authority(folder: Path, name: str) -> Authority:
    """A new one, its certificate written to the folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    named = _named(name, subject, 1).public_key(key.public_key())
    own = named.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    made = Authority(folder, name, key, own.sign(key, hashes.SHA256()))
    made.file.write_bytes(_pem(made.certificate))
    return made


def _named(name: str, issuer: x509.Name, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    begins = now - datetime.timedelta(days=1 + max(0, -days))
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@dataclass(slots=True)
class Seen:
    """Where it listens, and what it was asked."""

    url: str = ""
    authorized: int = 0
    refused: int = 0
    lines: list[str] = field(default_factory=list)


@contextmanager
def in_front_of(
    upstream: str, certificate: Path | None, *, password: str = PASSWORD, to: str = ""
) -> Iterator[Seen]:
    """Serve `upstream`, by TLS where a certificate is given, to who has the password.

    With `to` every answer is a redirection there, headers and all.
    """
    seen, place = Seen(), urlsplit(upstream)
    expected = "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()

    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def relay(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.lines.append(f"{self.command} {self.path} {self.headers} {body!r}")
            if to:
                self._say(307, b"", {"Location": f"{to}{self.path}"})
            elif password and self.headers.get("Authorization") != expected:
                seen.refused += 1
                self._say(401, b"Unauthorized", {"WWW-Authenticate": "Basic"})
            else:
                seen.authorized += 1
                self._pass_on(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = relay  # noqa: N815

        def _pass_on(self, body: bytes) -> None:
            line = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
            headers = {n: v for n, v in self.headers.items() if n.lower() != "authorization"}
            line.request(self.command, self.path, body, headers)
            answer = line.getresponse()
            kept = {n: v for n, v in answer.getheaders() if n.lower() in _KEPT}
            self._say(answer.status, answer.read(), kept)
            line.close()

        def _say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    seen.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
