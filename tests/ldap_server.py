"""A real slapd on loopback, one for a whole session of tests, with TLS by a CA of its own.

`ensure_ldap()` loads a fictional directory of more than 2 000 agents, serves it on free
ports, plain and TLS, and ends it with the session.
"""

import atexit
import functools
import shutil
import socket
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ldap3

from tests.made_certificates import make_certificates
from tests.needs import starting
from tests.server_process import begun, end, scratch_folder, wait_for
from tests.service.running import free_port

SUFFIX = "dc=dgfip,dc=test"
AGENTS, GROUPS = f"ou=agents,{SUFFIX}", f"ou=groupes,{SUFFIX}"
ROOT, READER, BOUND = (f"cn={name},{SUFFIX}" for name in ("admin", "lecteur", "borné"))
PASSWORD = "mot de passe d'essai"
MANY = 2_100

_CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {run}/slapd.pid
argsfile {run}/slapd.args
TLSCACertificateFile {run}/ca.pem
TLSCertificateFile {run}/server.pem
TLSCertificateKeyFile {run}/server.key
sizelimit 500
database mdb
suffix "{suffix}"
rootdn "{root}"
rootpw "{password}"
directory {run}/db
dbnosync
maxsize 268435456
index objectClass,uid eq
limits dn.exact="{reader}" size.prtotal=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
"""


class SlapdMissingError(RuntimeError):
    """No directory can be served here; the text says what is missing."""


@dataclass
class LdapServer:
    """The directory at `url` (plain, or StartTLS) and `tls_url`, whose CA is `ca_file`."""

    run: Path
    port: int
    tls_port: int

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    @property
    def ca_file(self) -> str:
        return str(self.run / "ca.pem")

    @contextmanager
    def changed(self) -> Iterator[ldap3.Connection]:
        """A connection of the directory's own administrator."""
        server = ldap3.Server(self.url, get_info=ldap3.NONE)
        connection = ldap3.Connection(
            server, ROOT, PASSWORD, auto_bind=True, check_names=False, raise_exceptions=True
        )
        with connection:
            yield connection

    @contextmanager
    def with_entries(self, *entries: tuple[str, Mapping[str, Any]]) -> Iterator[None]:
        """These entries as well, until the block ends."""
        with self.changed() as connection:
            for dn, attributes in entries:
                connection.add(dn, attributes=dict(attributes))
        try:
            yield
        finally:
            with self.changed() as connection:
                for dn, _ in reversed(entries):
                    connection.delete(dn, controls=[("2.16.840.1.113730.3.4.2", True, None)])


@functools.cache
def ensure_ldap() -> LdapServer:
    """The session's directory; started at the first call."""
    answers = starting("ldap")
    slapd = shutil.which("slapd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if slapd is None:
        raise SlapdMissingError("The directory's tests need slapd ldap-utils (`make servers`).")
    run = scratch_folder("ldap")
    make_certificates(run)
    (run / "db").mkdir()
    names = {"suffix": SUFFIX, "root": ROOT, "reader": READER, "password": PASSWORD}
    (run / "slapd.conf").write_text(_CONF.format(run=run, **names), "utf-8")
    (run / "base.ldif").write_text("\n".join(map(_ldif, _entries())), "utf-8")
    loading = [slapd, "-T", "add", "-q", "-f", str(run / "slapd.conf")]
    done = subprocess.run(
        [*loading, "-l", str(run / "base.ldif")], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SlapdMissingError(f"slapadd failed:\n{done.stderr[-2000:]}")
    ldap = LdapServer(run, free_port(), free_port())
    _serve(slapd, ldap)
    answers()
    return ldap


def _serve(slapd: str, ldap: LdapServer) -> None:
    log, urls = ldap.run / "slapd.log", f"{ldap.url}/ {ldap.tls_url}/"
    server = begun([slapd, "-d", "0", "-f", str(ldap.run / "slapd.conf"), "-h", urls], log)
    atexit.register(end, server)
    place = ("127.0.0.1", ldap.tls_port)
    wait_for(server, log, lambda: socket.create_connection(place, 1).close(), SlapdMissingError)


def agent(uid: str, given: str, family: str, **more: str) -> tuple[str, dict[str, Any]]:
    """An entry of an agent."""
    known = {
        "objectClass": ["inetOrgPerson"],
        "uid": uid,
        "cn": f"{given} {family}",
        "givenName": given,
        "sn": family,
        "mail": f"{uid}@dgfip.test",
    }
    return f"uid={uid},{AGENTS}", known | more


def group(cn: str, members: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """An entry of a group of agents, by uid, or of other groups, by name after a `+`."""
    dns = [
        f"cn={one[1:]},{GROUPS}" if one.startswith("+") else f"uid={one},{AGENTS}"
        for one in members
    ]
    return f"cn={cn},{GROUPS}", {"objectClass": ["groupOfNames"], "cn": cn, "member": dns}


def _entries() -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield SUFFIX, {"objectClass": ["dcObject", "organization"], "dc": "dgfip", "o": "Essais"}
    for unit in ("agents", "groupes", "ailleurs"):
        yield f"ou={unit},{SUFFIX}", {"objectClass": ["organizationalUnit"], "ou": unit}
    for dn in (READER, BOUND):
        name = dn.partition("=")[2].partition(",")[0]
        role = ["organizationalRole", "simpleSecurityObject"]
        yield dn, {"objectClass": role, "cn": name, "userPassword": PASSWORD}
    anais = {"title": "Inspectrice des finances publiques", "ou": "SIE Rennes Est"}
    yield agent("amartin", "Anaïs", "Martin", **anais, l="Rennes", departmentNumber="035")
    yield agent("zlecuyer", "Zoé", "L'Écuyer", title="géomètre", departmentNumber="2A")
    yield agent("jdupont", "Jean", "Dupont", departmentNumber="22")
    yield agent("jdupont2", "Jean", "Dupont", departmentNumber="974")
    for number in range(MANY):
        yield agent(f"ag{number:05}", f"Prénom{number}", f"Nom{number}", departmentNumber="75")
    yield group("fraude", ["amartin"])
    yield group("Équipe cadastre", ["zlecuyer", "ag00001", "+fraude"])
    yield group("direction", ["jdupont", "+Équipe cadastre"])
    yield group("ronde-a", ["ag00002", "+ronde-b"])
    yield group("ronde-b", ["ag00003", "+ronde-a"])
    yield group("tous", [f"ag{number:05}" for number in range(MANY)])
    posix = {"objectClass": ["posixGroup"], "gidNumber": "1000"}
    yield f"cn=posix,{GROUPS}", posix | {"cn": "posix", "memberUid": ["jdupont2", "inconnu"]}


def _ldif(entry: tuple[str, Mapping[str, Any]]) -> str:
    dn, attributes = entry
    lines = [f"dn: {dn}"]
    for name, value in attributes.items():
        lines += [f"{name}: {one}" for one in (value if isinstance(value, list) else [value])]
    return "".join(f"{_written(line)}\n" for line in lines)


def _written(line: str) -> str:
    """Return an LDIF line, in base64 if the value is not plain ASCII."""
    if line.isascii():
        return line
    name, _, value = line.partition(": ")
    return f"{name}:: {b64encode(value.encode()).decode()}"
