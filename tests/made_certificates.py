"""Certification authorities made for a test, and what they sign for this machine."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


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

    def signed(self, host: str, days: int = 1) -> tuple[bytes, bytes]:
        """A certificate for a host and its key (PEM); past its time where `days` < 0."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            general: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            general = x509.DNSName(host)
        certificate = (
            _named(host, self.certificate.subject, days)
            .public_key(key.public_key())
            .add_extension(x509.SubjectAlternativeName([general]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return certificate.public_bytes(serialization.Encoding.PEM), private

    def server(self, host: str = "127.0.0.1", *, days: int = 1) -> Path:
        """A certificate for a host and its key, in one file."""
        path = self.folder / f"{self.name}-{host}-{days}.pem"
        path.write_bytes(b"".join(self.signed(host, days)))
        return path


def authority(folder: Path, name: str) -> Authority:
    """A new one, its certificate written to the folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _named(name, subject, 1)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Authority(folder, name, key, certificate)
    made.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return made


def make_certificates(folder: Path, address: str = "127.0.0.1") -> None:
    """`ca.pem`, and `server.pem` with `server.key` for an address; `other.pem` is another CA."""
    authority(folder, "other")
    certificate, key = authority(folder, "ca").signed(address)
    (folder / "server.pem").write_bytes(certificate)
    (folder / "server.key").write_bytes(key)


def _named(name: str, issuer: x509.Name, days: int) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1 + max(0, -days)))
        .not_valid_after(now + dt.timedelta(days=days))
    )
